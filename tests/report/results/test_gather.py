import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.report.results.gather import TASKS, NotAResultError, gather, read_result
from tests.report.samples import bench, evaluated, everything, put, quantised, survey

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def why(folder: Path) -> dict[str, str]:
    return {item.path: item.why for item in gather(folder).left_out}


def test_a_result_of_every_task_is_recognised(tmp_path: Path) -> None:
    runs = gather(everything(tmp_path))
    built = {"engine.build"}
    assert {item.task for item in runs.results} == TASKS.keys() - built
    assert runs.left_out == []
    assert [item.path for item in runs.sources] == sorted(item.path for item in runs.sources)


def test_cards_are_read_by_their_kind_and_named_after_their_folder(tmp_path: Path) -> None:
    put(tmp_path / "int4", coldforge={**quantised(), "kind": "quantised model"})
    engine = {"kind": "engine", "backend": "onnxruntime", "precision": "int4", "files": {}}
    put(tmp_path / "engine", coldforge=engine)
    put(tmp_path / "demo", coldforge={"kind": "demo model"})
    runs = gather(tmp_path)
    assert [(item.name, item.task) for item in runs.results] == [
        ("engine", "engine.build"),
        ("int4", "quantize"),
    ]
    (left,) = runs.left_out
    assert "'demo model'" in left.why


def test_a_card_and_what_its_task_printed_count_once(tmp_path: Path) -> None:
    put(tmp_path / "int4", coldforge={**quantised(), "kind": "quantised model"})
    put(tmp_path, quantize=quantised())
    assert why(tmp_path) == {"quantize.json": "holds the same result as int4/coldforge.json"}


def test_files_that_cannot_be_used_are_listed_with_the_reason(tmp_path: Path) -> None:
    put(tmp_path, good=evaluated(), config={"model_type": "llama"}, other={"task": "doctor"})
    put(tmp_path, shape={"task": "bench", "engines": 5}, half={"task": "evaluate"})
    (tmp_path / "broken.json").write_text('{"task": ', "utf-8")
    (tmp_path / "list.json").write_text('["task"]', "utf-8")
    found = why(tmp_path)
    assert found.keys() == {f"{name}.json" for name in
                            ("config", "other", "shape", "half", "broken", "list")}  # fmt: skip
    assert found["config.json"] == "does not hold the result of a task"
    assert found["other.json"] == "the page does not show 'doctor'"
    assert "$.engines" in found["shape.json"]
    assert "digest" in found["half.json"]
    assert found["broken.json"].startswith("is not JSON")


def test_hidden_files_and_the_report_itself_are_skipped(tmp_path: Path) -> None:
    put(tmp_path, good=evaluated())
    put(tmp_path / ".part", half=evaluated())
    put(tmp_path / "out", report={"task": "report"})
    runs = gather(tmp_path, exclude=tmp_path / "out")
    assert [item.path for item in runs.sources] == ["good.json"]
    assert runs.left_out == []


def test_numbers_that_are_not_finite_are_named_and_the_rest_is_used(tmp_path: Path) -> None:
    found = survey()
    found["models"][0]["ways"][0]["kl"]["value"] = float("inf")
    found["models"][0]["ways"][0]["disk_bytes"] = 10**30
    found["models"][0]["ways"][0]["seconds"] = 1e300
    (item,) = gather(put(tmp_path, survey=found)).results
    assert item.lost == [
        f"models[0].ways[0].{name}" for name in ("seconds", "disk_bytes", "kl.value")
    ]
    assert item.result.models[0].ways[0].kl.value is None


def test_text_that_utf_8_cannot_encode_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_bytes(json.dumps(evaluated(model="\ud800\0/a")).encode())
    (item,) = gather(tmp_path).results
    assert item.result.model == "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}/a"


def test_a_folder_without_results_is_refused_with_the_reason(tmp_path: Path) -> None:
    put(tmp_path, broken={"task": "bench"})
    with pytest.raises(
        ColdforgeError, match=r"no results in .*broken\.json: is not a result of bench"
    ):
        gather(tmp_path)
    with pytest.raises(ColdforgeError, match="folder of results not found") as raised:
        gather(tmp_path / "none")
    assert "--json" in raised.value.hint


@given(JSON, st.sampled_from(sorted(TASKS)))
def test_any_json_is_a_result_or_refused_with_a_reason(value: Any, task: str) -> None:
    result = {**value, "task": task} if isinstance(value, dict) else value
    try:
        found = read_result("x.json", json.dumps(result).encode())
    except NotAResultError as error:
        assert str(error)
    else:
        assert found.task == task


@given(st.sampled_from(["engines", "protocol", "device", "versions"]), JSON)
def test_a_bench_with_an_unexpected_part_is_read_or_refused(part: str, value: Any) -> None:
    try:
        read_result("x.json", json.dumps({**bench(), part: value}).encode())
    except NotAResultError as error:
        assert "is not a result of bench" in str(error)
