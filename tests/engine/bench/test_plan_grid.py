import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.engine.bench.plan import Lengths, parse_grid, refuse_long
from coldforge.errors import ColdforgeError

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
