from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.engine.bench.plan import Lengths, Measuring, parse_grid, plan, refuse_long
from coldforge.errors import ColdforgeError
from tests.engine.rig import folder


def test_engines_of_one_name_are_told_apart_by_their_parents(tmp_path: Path) -> None:
    one, two = folder(tmp_path / "a" / "int4"), folder(tmp_path / "b" / "int4")
    planned = plan([str(one), str(two)], Measuring("8,8"))
    assert planned.names == ("a/int4", "b/int4")
    assert (planned.cells, planned.vocab) == (((8, 8),), 11)
    assert plan([str(one)], Measuring("8,8")).names == ("int4",)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"grid": "8,9"}, "8,9 does not fit engine: it takes 16 tokens"),
        ({"grid": "8"}, "not a pair of lengths"),
        ({"grid": "8,8", "repeats": 0}, "number is too small"),
        ({"grid": "8,8", "batch_size": 0}, "number is too small"),
        ({"grid": "8,8", "warmup": -1}, "number is too small"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    tmp_path: Path, asked: dict[str, Any], said: str
) -> None:
    place = str(folder(tmp_path / "engine"))
    with pytest.raises(ColdforgeError, match=said):
        plan([place], Measuring(**asked))


def test_no_engine_one_twice_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    place = str(folder(tmp_path / "engine"))
    for folders, said in (
        ([], "--engine is missing"),
        ([place, place + "/"], "named twice"),
        ([place, str(tmp_path / "none")], "no such engine"),
    ):
        with pytest.raises(ColdforgeError, match=said):
            plan(folders, Measuring("8,8"))


LENGTHS = st.integers(1, 4096)
CELLS = st.lists(st.tuples(LENGTHS, LENGTHS), min_size=1, unique=True)


@given(CELLS)
def test_a_grid_comes_back_as_it_was_spelled(cells: list[Lengths]) -> None:
    assert parse_grid("; ".join(f"{one}, {two}" for one, two in cells)) == cells


@pytest.mark.parametrize("text", ["", ";", "5", "5,6,7", "a,b", "0,5", "5,-1", "5,5;5,5", "1.5,2"])
def test_what_is_no_grid_is_refused(text: str) -> None:
    with pytest.raises(ColdforgeError, match="--grid"):
        parse_grid(text)


@given(st.text(alphabet="0123456789,;- x"))
def test_any_text_is_a_grid_or_an_error_of_ours(text: str) -> None:
    try:
        found = parse_grid(text)
    except ColdforgeError:
        return
    assert found
    assert all(one > 0 and two > 0 for one, two in found)


def test_the_largest_cell_that_fits_is_named() -> None:
    with pytest.raises(ColdforgeError, match="400,200 does not fit tiny: it takes 512") as caught:
        refuse_long([(128, 128), (300, 212), (400, 200)], 512, "tiny")
    assert caught.value.hint.startswith("300,212 of the grid fits")


@given(st.tuples(LENGTHS, LENGTHS), st.integers(2, 5000))
def test_where_none_fits_a_cell_is_named_that_does(cell: Lengths, positions: int) -> None:
    if sum(cell) <= positions:
        refuse_long([cell], positions, "it")
        return
    with pytest.raises(ColdforgeError) as caught:
        refuse_long([cell], positions, "it")
    (named,) = parse_grid(caught.value.hint.split(" ")[0])
    assert sum(named) == positions
