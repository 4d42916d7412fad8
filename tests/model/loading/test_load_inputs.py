from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


def test_static_inputs_round_half_to_even_and_stop_at_the_ends() -> None:
    from coldforge.model.loading.load import rounded

    values = torch.tensor([0.25, 0.75, 1.25, 100.0, -100.0])
    assert rounded(values, torch.tensor([0.5])).tolist() == [0.0, 1.0, 1.0, 63.5, -64.0]


def test_each_token_has_its_own_step() -> None:
    from coldforge.model.loading.load import token_scales

    values = torch.tensor([[[1.0, -255.0], [2.55, 0.0], [0.0, 0.0]]])
    wanted = [2.0, 0.02, torch.finfo(torch.float32).eps]
    assert token_scales(values).flatten().tolist() == pytest.approx(wanted)


@pytest.mark.parametrize("static", [False, True])
def test_compressed_tensors_rounds_alike(static: bool) -> None:
    pytest.importorskip("compressed_tensors.quantization")
    from compressed_tensors.quantization import QuantizationArgs, fake_quantize
    from compressed_tensors.quantization.utils import compute_dynamic_scales_and_zp

    from coldforge.model.loading.load import watch

    values = torch.randn((2, 5, 64), generator=torch.Generator().manual_seed(0)) * 3
    values[0, 0] = 0
    scale = torch.tensor([0.037]) if static else None
    plain = torch.nn.Identity()
    watch(plain, scale)
    if static:
        args = QuantizationArgs(num_bits=8, strategy="tensor")
        zero = None
    else:
        args = QuantizationArgs(num_bits=8, strategy="token", dynamic=True)
        scale, zero = compute_dynamic_scales_and_zp(values, args, plain)
    assert torch.equal(plain(values), fake_quantize(values, scale, zero, args))
