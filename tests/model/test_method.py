from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.model.checkpoint import read_checkpoint
from coldforge.model.method import check_groups, find_method, methods


def test_gptq_is_known_and_says_what_it_is() -> None:
    assert "GPTQ" in methods()["gptq"].summary


def test_an_unknown_method_lists_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="unknown method 'magic'") as caught:
        find_method("magic", 4)
    assert "gptq" in caught.value.hint


def test_a_width_it_cannot_store_is_refused() -> None:
    with pytest.raises(ColdforgeError, match="does not store 5 bits"):
        find_method("gptq", 5)


def test_a_group_size_that_does_not_divide_names_the_layer(plain: Path) -> None:
    with pytest.raises(ColdforgeError, match=r"group size 3 does not divide the 8.*up_proj"):
        check_groups(read_checkpoint(plain), 3)


@pytest.mark.parametrize("size", [0, -2])
def test_a_group_size_that_is_no_size_is_refused(plain: Path, size: int) -> None:
    with pytest.raises(ColdforgeError, match="no group size"):
        check_groups(read_checkpoint(plain), size)


@pytest.mark.parametrize("size", [-1, 1, 2, 4, 8])
def test_divisors_and_whole_rows_are_taken(plain: Path, size: int) -> None:
    check_groups(read_checkpoint(plain), size)
