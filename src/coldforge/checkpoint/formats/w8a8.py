"""compressed-tensors' "int-quantized": int8 weights, int8 inputs.

A layer is .weight int8 (out_features, in_features), .weight_scale (out_features, 1) or by group; if
asymmetric, .weight_zero_point int8 of the same shape; for static inputs, .input_scale (1,).
"""

from collections.abc import Mapping
from typing import Any

from coldforge.checkpoint.formats import int8_common, scheme, validation
from coldforge.checkpoint.formats.format import (
    Format,
    Inputs,
    Settings,
    Shape,
    Shapes,
    Tensors,
    Width,
)
from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.errors import ColdforgeError

FORM = "int-quantized"


class W8a8Format(Format):
    """The library's layout for quantised inputs."""

    name = "w8a8"
    parts: tuple[str, ...] = (
        ".weight_scale", ".weight", ".weight_zero_point", ".input_scale", ".input_zero_point",
    )  # fmt: skip

    conv1d = False

    def matches(self, settings: Settings) -> bool:
        """Tell whether a checkpoint is in this form."""
        return scheme.is_form(settings, FORM)

    def shape(self, layer: str, shapes: Shapes, settings: Settings) -> Shape:
        """Measure one layer; raise ColdforgeError if config and tensors do not agree."""
        bits = int(scheme.weights_of(layer, settings).get("num_bits", 8))
        if bits != 8:
            raise ColdforgeError(f"the layer {layer} has {bits} bits", "int8 can be read")
        return int8_common.measure(layer, shapes)

    def decode(self, layer: str, tensors: Mapping[str, Any], settings: Settings) -> Quantized:
        """Read one layer's tensors; raise ColdforgeError naming what does not fit."""
        import torch

        shape = self.shape(layer, validation.shapes_of(tensors), settings)
        codes, scales = int8_common.read(layer, tensors, shape)
        zeros = torch.full(scales.shape, int8_common.MIDDLE, dtype=torch.int16)
        if not scheme.weights_of(layer, settings).get("symmetric", True):
            if ".weight_zero_point" not in tensors:
                raise ColdforgeError(
                    f"the layer {layer} lacks .weight_zero_point", validation.REMEDY
                )
            points = tensors[".weight_zero_point"].reshape(tensors[".weight_scale"].shape)
            zeros += points.T.to(torch.int16) if points.numel() > 1 else int(points)
        return Quantized(8, codes, scales, zeros, None, _input_scale(layer, tensors, settings))

    def encode(self, layer: str, item: Quantized, settings: Settings | None = None) -> Tensors:
        """Store one layer; raise ColdforgeError if the format cannot hold it losslessly."""
        import torch

        int8_common.refuse_other(layer, self.name, item)
        validation.refuse_zeros(layer, self.name, item, 0, 255)
        tensors = {
            ".weight": int8_common.write(item.codes),
            ".weight_scale": item.scales.T.contiguous(),
        }
        symmetric = item.symmetric if settings is None else bool(settings["sym"])
        if not symmetric:
            signed = (item.zeros - int8_common.MIDDLE).to(torch.int8)
            tensors[".weight_zero_point"] = signed.T.contiguous()
        elif not item.symmetric:
            raise validation.refuse(layer, self.name, "its zero points are not the middle code")
        if item.input_scale is not None:
            # Layers of one input share its scale; safetensors refuses tensors that share memory.
            tensors[".input_scale"] = item.input_scale.clone()
        return tensors

    def config(self, settings: Settings) -> dict[str, Any]:
        """Write the quantization_config as the library does."""
        return scheme.config(FORM, settings)

    def width(self, layer: str, settings: Settings) -> Width | None:
        """Read the scheme of a layer."""
        return scheme.width(layer, settings)

    def inputs(self, layer: str, settings: Settings) -> Inputs:
        """Read the scheme of a layer's inputs."""
        return scheme.inputs_of(layer, settings)


FORMAT = W8a8Format()


def _input_scale(layer: str, tensors: Mapping[str, Any], settings: Settings) -> Any:  # noqa: ANN401
    """Return the scale of static inputs, float32 (1,); None for others."""
    import torch

    if scheme.inputs_of(layer, settings) != "static":
        return None
    if ".input_scale" not in tensors or tensors[".input_scale"].numel() != 1:
        raise ColdforgeError(f"the layer {layer} lacks one .input_scale", validation.REMEDY)
    validation.refuse_nan(layer, ".input_scale", tensors[".input_scale"])
    return tensors[".input_scale"].to(torch.float32).reshape(1)
