import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from coldforge.bootstrap import index as module
from coldforge.bootstrap.index import parse_index
from coldforge.bundle.format.index import encode
from coldforge.errors import ColdforgeError, RefusedError
from tests.bootstrap.tools import bundle_with_tool


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An index as JSON."""
    root = tmp_path_factory.mktemp("index")
    found: dict[str, Any] = json.loads(
        encode(bundle_with_tool(root / "out", root / "in", share=0.5))
    )
    return found


def parsed(value: object) -> Any:
    return parse_index(json.dumps(value).encode())


def test_it_reads_what_the_sender_writes(tmp_path: Path) -> None:
    index = bundle_with_tool(
        tmp_path / "out", tmp_path / "in", size=100_000, share=0.2, split=150_000
    )
    found = parse_index(encode(index))
    assert found.tool.items == sorted(found.items)
    assert (found.tool.runtime, found.tool.project) == (index.tool.runtime, index.tool.project)
    assert (found.serial, found.grid) == (index.serial, index.parity)
    assert [one.size for one in found.data] == [one.size for one in index.volumes]
    items = {
        item.sha256: [list(part) for part in found.items[item.sha256].parts]
        for item in index.items
        if item.sha256 in found.items
    }
    said = json.loads(encode(index))
    assert items == {
        item["sha256"]: item["parts"] for item in said["items"] if item["sha256"] in items
    }


CHANGES: dict[str, Any] = {
    "another format": {"format": 2},
    "no tool": {"tool": None},
    "no items": {"items": []},
    "items that are none": {"items": [1]},
    "no volumes": {"volumes": []},
    "a negative serial": {"serial": -1},
    "a serial that is true": {"serial": True},
    "half a grid": {"parity": [65536, 1]},
    "a grid of nothing": {"parity": [65536, 0, 0, 0]},
    "a grid too wide": {"parity": [65536, 200, 100, 1]},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_index_that_makes_no_sense_is_refused(said: dict[str, Any], change: Any) -> None:
    with pytest.raises(RefusedError, match="malformed"):
        parsed(said | change)


@pytest.mark.parametrize(
    "change",
    [
        {"parts": [[1, 0, 1]]},
        {"parts": [[0, 0, 0]]},
        {"parts": [[1, 1 << 40, 1]]},
        {"parts": [[1, -1, 1]]},
        {"encoding": "zstd"},
        {"store": "layout"},
        {"size": 1 << 70},
    ],
)
def test_an_item_of_the_tool_lies_raw_inside_its_volume(
    said: dict[str, Any], change: dict[str, Any]
) -> None:
    items = [item | change for item in said["items"]]
    with pytest.raises(RefusedError, match="malformed"):
        parsed(said | {"items": items})


@pytest.mark.parametrize(
    "change",
    [
        {"python": "3.11/../.."},
        {"python": 3.11},
        {"project": "../x"},
        {"runtime": "abc"},
        {"runtime": ["A" * 64]},
        {"wheels": {"x": "y"}},
        {"revision": "\x1b[2J"},
    ],
)
def test_a_tool_that_could_name_a_path_is_refused(
    said: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(RefusedError, match="malformed"):
        parsed(said | {"tool": said["tool"] | change})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(data=some.data())
def test_no_value_in_any_place_is_a_traceback(said: dict[str, Any], data: Any) -> None:
    value = json.loads(json.dumps(said))
    here, junk = value, some.none() | some.integers() | some.text() | some.lists(some.integers())
    while True:
        place = data.draw(
            some.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here)))
        )
        if isinstance(here[place], dict | list) and here[place] and data.draw(some.booleans()):
            here = here[place]
            continue
        here[place] = data.draw(junk)
        break
    try:
        parsed(value)
    except ColdforgeError as error:
        assert error.message.isprintable()


def test_an_index_is_read_up_to_its_limit(
    said: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = json.dumps(said).encode()
    monkeypatch.setattr(module, "MAX_INDEX", len(data))
    assert parse_index(data).serial == said["serial"]
    with pytest.raises(ColdforgeError, match="too large"):
        parse_index(data + b" ")


TOOL_LIMITS: dict[str, tuple[Any, Any]] = {
    "revision": ("a" * 199, "a" * 200),
    "python": ("3.123", "3.1234"),
}


@pytest.mark.parametrize(("field", "values"), TOOL_LIMITS.items(), ids=TOOL_LIMITS)
def test_the_longest_values_of_a_tool_pass_and_longer_ones_do_not(
    said: dict[str, Any], field: str, values: tuple[Any, Any]
) -> None:
    right, wrong = values
    assert parsed(said | {"tool": said["tool"] | {field: right}})
    with pytest.raises(RefusedError, match="malformed"):
        parsed(said | {"tool": said["tool"] | {field: wrong}})


def test_the_largest_number_passes_and_a_larger_one_does_not(said: dict[str, Any]) -> None:
    assert parsed(said | {"serial": (1 << 60) - 1}).serial == (1 << 60) - 1
    with pytest.raises(RefusedError, match="malformed"):
        parsed(said | {"serial": 1 << 60})


def test_a_group_has_256_shards_at_most(said: dict[str, Any]) -> None:
    for rows, fits in ((200, True), (201, False)):
        shards = base64.b64encode(bytes(56 * 8)).decode()
        volume = {"size": 56 * 65536, "sha256": "0" * 64, "shards": shards}
        change = {"parity": [65536, rows, 56, 1], "parity_volumes": [volume]}
        if fits:
            assert parsed(said | change).grid.rows == rows
        else:
            with pytest.raises(RefusedError, match="malformed"):
                parsed(said | change)
