from typing import Any

import pytest

from coldforge.checkpoint.formats.format import Shape
from coldforge.checkpoint.formats.registry import find_format
from coldforge.quantize.methods.mixed.allocation import (
    WIDTHS,
    candidates_of,
    storable_widths,
    stored_bytes,
)

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("group_size", [32, 128, -1])
def test_bytes_are_those_that_the_files_take(bits: int, group_size: int) -> None:
    from coldforge.quantize.methods.rtn import nearest

    item = nearest(torch.randn(96, 256), bits, group_size, True)
    parts = find_format("gptq").encode("layer", item)
    taken = sum(part.numel() * part.element_size() for part in parts.values())
    assert stored_bytes(Shape(16, 256, 96, 0), bits, group_size) == taken


def test_three_bits_need_whole_words_on_both_sides() -> None:
    assert storable_widths(Shape(16, 128, 96, 0)) == (8, 4, 3)
    assert storable_widths(Shape(16, 128, 40, 0)) == (8, 4)
    assert storable_widths(Shape(16, 128, 7, 0)) == ()


def test_as_it_is_a_layer_takes_two_bytes_a_weight_and_does_no_damage() -> None:
    plain, narrow = candidates_of(Shape(32, 128, 64, 0), {4: 0.5}, 128)
    assert (plain.bits, plain.size, plain.kl) == (16, 2 * 128 * 64, 0.0)
    assert (narrow.bits, narrow.kl) == (4, 0.5)
