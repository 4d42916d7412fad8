from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checkpoint.formats.layers import layers

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


@given(layers(bits=(3, 4, 8), low=1), st.integers(0, 1 << 32))
def test_it_starts_with_the_codes_it_was_given(item: Any, seed: int) -> None:
    from coldforge.quantize.methods.qat.fake_quant import FakeQuantWeight

    inputs, outputs = item.codes.shape
    weight = torch.randn(outputs, inputs, generator=torch.Generator().manual_seed(seed))
    latent = FakeQuantWeight(weight, item)
    assert torch.equal(latent.rounded().codes, item.codes)
    assert torch.equal(latent.values(), item.weight())


def test_it_learns_against_the_gradient_and_leaves_frozen_zeros() -> None:
    from coldforge.quantize.methods.qat.fake_quant import FakeQuantWeight
    from coldforge.quantize.methods.rtn import nearest

    weight = torch.randn(4, 64, generator=torch.Generator().manual_seed(0))
    item = nearest(weight, 3, 32, True)
    latent = FakeQuantWeight(weight, item, frozen=True)
    zeros = item.weight() == 0
    assert zeros.any()
    for count in range(1, 40):
        latent.learn(torch.ones(4, 64), count, 0.1)
    made = latent.rounded().weight()
    assert not made[zeros].any()
    assert (made <= item.weight()).all()
    assert (made < item.weight()).any()
