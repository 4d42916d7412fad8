"""torch's dynamic int8: weights rounded once, inputs at run time, integer products."""

from typing import Any

from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.checkpoint.formats.registry import find_format
from coldforge.quantize.blockwise.block import Block, Stored
from coldforge.quantize.blockwise.request import Request, Result
from coldforge.quantize.blockwise.run import each_layer, quantise_blocks
from coldforge.quantize.methods.method import BOTH, NoSettings, Variant

LOW, HIGH, MIDDLE = -128, 127, 128


class DynamicInt8:
    """The result of torch.ao.quantization.quantize_dynamic for the linear layers inside blocks.

    GPT-2's Conv1D layers, which torch skips, are quantised like linear layers. The head stays as
    it is.
    """

    name = "dynamic-int8"
    summary = "torch's dynamic int8, inputs rounded as they come; own format, torch's own layers"
    calibrated = False
    settings = NoSettings
    variants = (Variant("dynamic-int8", "dynamic-int8", kind=BOTH),)

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`."""

        def one(block: Block, layer: str) -> Stored:
            return Stored(rounded(block.weight(layer)))

        return quantise_blocks(request, each_layer(one), find_format("coldforge-int8"))


METHOD = DynamicInt8()


def rounded(weight: Any) -> Quantized:  # noqa: ANN401 - a tensor
    """Round a weight (out_features, in_features) as torch's default dynamic qconfig does.

    One step for all, of MinMaxObserver of torch.qint8 with per_tensor_symmetric: the largest
    magnitude over half the range, at least float32's epsilon
    (torch/ao/quantization/observer.py, release 2.13).
    """
    import torch

    largest = weight.abs().max()
    least = torch.tensor(torch.finfo(torch.float32).eps)
    scale = torch.maximum(largest / (float(HIGH - LOW) / 2), least.to(largest))
    # torch multiplies by the reciprocal; a division would round some weights differently.
    codes = torch.clamp(torch.round(weight * (1 / scale)), LOW, HIGH) + MIDDLE
    return Quantized(
        8,
        codes.T.to(torch.uint8).contiguous(),
        scale.expand(1, len(weight)).contiguous(),
        torch.full((1, len(weight)), MIDDLE, dtype=torch.int16),
    )
