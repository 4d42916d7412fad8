"""int8 weights as torch and compressed-tensors store them: (out_features, in_features)."""

from typing import Any

from coldforge.checkpoint.formats import validation
from coldforge.checkpoint.formats.format import Shape, Shapes
from coldforge.checkpoint.formats.quantized import Quantized

MIDDLE = 128
"""The unsigned code of zero."""


def measure(layer: str, shapes: Shapes) -> Shape:
    """Measure .weight (out_features, in_features); .weight_scale is one, a column, or by group."""
    validation.need(layer, shapes, ".weight")
    outputs, inputs = shapes[".weight"]
    scale = list(shapes.get(".weight_scale", []))
    groups = scale[1] if len(scale) == 2 else 1
    if scale not in ([], [1]):
        validation.fit(layer, ".weight_scale", shapes, outputs, groups)
    return Shape(8, inputs, outputs, groups)


def read(layer: str, tensors: Any, shape: Shape) -> tuple[Any, Any]:  # noqa: ANN401 - tensors
    """Return codes uint8 (in_features, out_features) and scales (groups, out_features)."""
    import torch

    scale = tensors[".weight_scale"]
    validation.refuse_nan(layer, ".weight_scale", scale)
    if scale.numel() == 1:
        scales = scale.reshape(1, 1).expand(1, shape.outputs).contiguous()
    else:
        scales = scale.T.contiguous()
    codes = (tensors[".weight"].T.to(torch.int16) + MIDDLE).to(torch.uint8)
    return codes.contiguous(), scales


def write(codes: Any) -> Any:  # noqa: ANN401 - tensors
    """Return .weight int8 (out_features, in_features)."""
    import torch

    return (codes.T.to(torch.int16) - MIDDLE).to(torch.int8).contiguous()


def refuse_other(layer: str, name: str, item: Quantized) -> None:
    """Raise ColdforgeError unless the layer has 8 bits and its groups run in order."""
    if item.bits != 8:
        raise validation.refuse(layer, name, f"its weights have {item.bits} bits, not 8")
    if item.order is not None:
        raise validation.refuse(layer, name, "its groups are out of order (act-order)")
