"""compressed-tensors' "pack-quantized": weights of 2 to 8 bits, inputs as they are.

A layer is .weight_packed int32 (out_features, in_features*bits/32), .weight_scale (out_features,
groups), .weight_shape (2,) and, if asymmetric, .weight_zero_point int32 (out_features*bits/32,
groups). Codes and zero points are packed as in bit_packing.py, counted from the lowest code. Files
older than release 0.20 may have .weight_g_idx (in_features,).
"""

from collections.abc import Mapping
from typing import Any

from coldforge.checkpoint.formats import bit_packing, scheme, validation
from coldforge.checkpoint.formats.format import (
    Format,
    Settings,
    Shape,
    Shapes,
    Tensors,
    Width,
)
from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.errors import ColdforgeError

FORM = "pack-quantized"
WIDTHS = range(2, 9)


class CompressedTensorsFormat(Format):
    """The library's layout for weight-only quantisation."""

    name = "compressed-tensors"
    parts: tuple[str, ...] = (
        ".weight_packed", ".weight_scale", ".weight_shape", ".weight_zero_point", ".weight_g_idx",
    )  # fmt: skip

    convertible = True
    conv1d = False

    def matches(self, settings: Settings) -> bool:
        """Tell whether a checkpoint is in this form."""
        return scheme.is_form(settings, FORM)

    def shape(self, layer: str, shapes: Shapes, settings: Settings) -> Shape:
        """Measure one layer; raise ColdforgeError if config and tensors do not agree."""
        bits = int(scheme.weights_of(layer, settings).get("num_bits", 8))
        if bits not in WIDTHS:
            raise ColdforgeError(f"the layer {layer} has {bits} bits", "2 to 8 bits can be read")
        validation.need(layer, shapes, ".weight_packed", ".weight_scale")
        outputs, words = shapes[".weight_packed"]
        groups = shapes[".weight_scale"][1]
        index = shapes.get(".weight_g_idx", [0])
        inputs = index[0] if index and index[0] else words * 32 // bits
        validation.fit(layer, ".weight_packed", shapes, outputs, bit_packing.words_of(inputs, bits))
        validation.fit(layer, ".weight_scale", shapes, outputs, groups)
        validation.fit(
            layer, ".weight_zero_point", shapes, bit_packing.words_of(outputs, bits), groups
        )
        return Shape(bits, inputs, outputs, groups)

    def decode(self, layer: str, tensors: Mapping[str, Any], settings: Settings) -> Quantized:
        """Read one layer's tensors; raise ColdforgeError naming what does not fit."""
        import torch

        shape = self.shape(layer, validation.shapes_of(tensors), settings)
        inputs = _inputs(layer, tensors, shape)
        scales = tensors[".weight_scale"].T.contiguous()
        validation.refuse_nan(layer, ".weight_scale", scales)
        order = validation.read_order(
            layer, ".weight_g_idx", tensors.get(".weight_g_idx"), shape.groups
        )
        words = tensors[".weight_packed"].T
        if scheme.weights_of(layer, settings).get("symmetric", True):
            zeros = torch.full(scales.shape, 1 << (shape.bits - 1), dtype=torch.int16)
        else:
            validation.need(layer, validation.shapes_of(tensors), ".weight_zero_point")
            packed = bit_packing.unpack(tensors[".weight_zero_point"], shape.bits, shape.outputs)
            zeros = packed.T.to(torch.int16).contiguous()
        return Quantized(
            shape.bits, bit_packing.unpack(words, shape.bits, inputs), scales, zeros, order
        )

    def encode(self, layer: str, item: Quantized, settings: Settings | None = None) -> Tensors:
        """Store one layer; raise ColdforgeError if the format cannot hold it losslessly."""
        import torch

        if item.bits not in WIDTHS or item.input_scale is not None:
            raise validation.refuse(
                layer, self.name, f"it has {item.bits} bits or quantised inputs"
            )
        if item.order is not None:
            raise validation.refuse(layer, self.name, "its groups are out of order (act-order)")
        validation.refuse_zeros(layer, self.name, item, 0, (1 << item.bits) - 1)
        tensors = {
            ".weight_packed": bit_packing.pack(item.codes, item.bits).T.contiguous(),
            ".weight_scale": item.scales.T.contiguous(),
            ".weight_shape": torch.tensor([item.codes.shape[1], item.codes.shape[0]]),
        }
        symmetric = item.symmetric if settings is None else bool(settings["sym"])
        if not symmetric:
            tensors[".weight_zero_point"] = bit_packing.pack(item.zeros.T, item.bits).contiguous()
        elif not item.symmetric:
            raise validation.refuse(layer, self.name, "its zero points are not the middle code")
        return tensors

    def config(self, settings: Settings) -> dict[str, Any]:
        """Write the quantization_config as the library does."""
        return scheme.config(FORM, {**settings, "activations": None})

    def width(self, layer: str, settings: Settings) -> Width | None:
        """Read the scheme of a layer."""
        return scheme.width(layer, settings)


FORMAT = CompressedTensorsFormat()


def _inputs(layer: str, tensors: Mapping[str, Any], shape: Shape) -> int:
    """Return in_features: the last packed word need not be full. Raise ColdforgeError."""
    stored = tensors.get(".weight_shape")
    if stored is None:
        return shape.inputs
    outputs, inputs = (int(side) for side in stored.flatten()[:2])
    fits = bit_packing.words_of(inputs, shape.bits) == bit_packing.words_of(
        shape.inputs, shape.bits
    )
    if outputs != shape.outputs or not fits or inputs % shape.groups:
        raise ColdforgeError(
            f"{layer}.weight_shape says {outputs} by {inputs}, the tensors do not",
            validation.REMEDY,
        )
    return inputs
