from pathlib import Path

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.quantize.methods.method import check_groups


def test_a_group_size_that_does_not_divide_names_the_layer(plain: Path) -> None:
    with pytest.raises(ColdforgeError, match=r"group size 3 does not divide the 8.*up_proj"):
        check_groups(read_checkpoint(plain), 3)


@pytest.mark.parametrize("size", [0, -2])
def test_a_group_size_that_is_no_size_is_refused(plain: Path, size: int) -> None:
    with pytest.raises(ColdforgeError, match="is not a group size"):
        check_groups(read_checkpoint(plain), size)


@pytest.mark.parametrize("size", [-1, 1, 2, 4, 8])
def test_divisors_and_whole_rows_are_taken(plain: Path, size: int) -> None:
    check_groups(read_checkpoint(plain), size)
