"""Which weights go."""

from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.quantize.blockwise.prune import pruned, share

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


def test_two_of_each_four_inputs_go() -> None:
    weight = torch.randn(6, 32, generator=torch.Generator().manual_seed(0))
    gone = pruned(weight, "2:4").view(6, 8, 4)
    assert (gone.sum(2) == 2).all()
    fours = weight.abs().view(6, 8, 4)
    strongest_gone = fours.masked_fill(~gone, 0).amax(2)
    weakest_kept = fours.masked_fill(gone, float("inf")).amin(2)
    assert (strongest_gone <= weakest_kept).all()


def test_a_fraction_goes_from_every_output() -> None:
    gone = pruned(torch.randn(5, 40, generator=torch.Generator().manual_seed(0)), "0.25")
    assert (gone.sum(1) == 10).all()


def test_a_weight_of_a_loud_input_stays() -> None:
    weight = torch.tensor([[0.1, 1.0, 1.0, 1.0]])
    assert pruned(weight, "0.25").tolist() == [[True, False, False, False]]
    loud = torch.tensor([100.0, 1.0, 2.0, 2.0])
    assert pruned(weight, "0.25", loud).tolist() == [[False, True, False, False]]


@pytest.mark.parametrize("text", ["0", "1", "1.5", "-0.1", "nan", "1:4", "half", ""])
def test_anything_but_a_pattern_or_a_share_is_refused(text: str) -> None:
    with pytest.raises(ColdforgeError, match="cannot prune"):
        share(text)


def test_inputs_that_do_not_come_in_fours_are_refused() -> None:
    with pytest.raises(ColdforgeError, match="a multiple of four inputs"):
        pruned(torch.ones(2, 6), "2:4")
