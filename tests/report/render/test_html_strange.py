"""Results that were edited, or that another version wrote."""

import copy
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.report.page.model import read_page
from coldforge.report.render.html import html
from coldforge.report.render.markdown import markdown
from coldforge.report.report import compose
from coldforge.report.results.gather import gather
from tests.report.reading import read
from tests.report.samples import everything, put, quantised

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4),
    st.just([]), st.just({}), st.just([[1]]), st.just({"a": [None]}), st.just("<i>"),
)  # fmt: skip


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List the path to every part of a result."""
    parts: Any = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        parts = enumerate(value)
    for key, item in parts:
        yield (*way, key)
        yield from places(item, (*way, key))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = everything(tmp_path_factory.mktemp("runs"))
    return {path.stem: json.loads(path.read_text("utf-8")) for path in folder.iterdir()}


@settings(max_examples=30)
@given(data=st.data())
def test_any_change_of_a_result_gives_a_page_or_leaves_the_result_out(
    data: st.DataObject, results: dict[str, Any]
) -> None:
    changed = copy.deepcopy(results)
    name = data.draw(st.sampled_from(sorted(changed)))
    *way, last = data.draw(st.sampled_from(sorted(places(changed[name]), key=str)))
    part = changed[name]
    for key in way:
        part = part[key]
    part[last] = data.draw(VALUES)
    with tempfile.TemporaryDirectory() as folder:
        page = compose(gather(put(Path(folder), **changed)))
    again = read_page(json.dumps(page.json(), allow_nan=False).encode())
    assert again == page
    assert markdown(page)
    tags = [tag for tag, _ in read(html(page)).tags]
    assert "i" not in tags


@given(st.text(min_size=1))
def test_a_page_is_made_for_any_model_name(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            runs = gather(put(Path(folder), x=quantised(name, method=name)))
        except ColdforgeError as error:
            raise AssertionError(error.message) from error
    page = compose(runs)
    assert read(html(page)).text
    assert markdown(page)
