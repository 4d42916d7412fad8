"""Coldforge's own format for torch's dynamic int8, which torch itself can only pickle.

A layer is .weight int8 (out_features, in_features) and .weight_scale float32: (1,) for one scale
per tensor, (out_features, 1) for one per row. torch's kernels quantise the inputs when they run.
"""

from collections.abc import Mapping
from typing import Any

from coldforge.checkpoint.formats import int8_common, validation
from coldforge.checkpoint.formats.format import (
    HEAD,
    Format,
    Inputs,
    Settings,
    Shape,
    Shapes,
    Tensors,
    Width,
)
from coldforge.checkpoint.formats.quantized import Quantized

METHOD = "coldforge"


class Int8Format(Format):
    """Layers that load as torch.ao.nn.quantized.dynamic.Linear."""

    name = "coldforge-int8"
    parts: tuple[str, ...] = (".weight_scale", ".weight")

    def matches(self, settings: Settings) -> bool:
        """Tell whether a checkpoint is in this format."""
        return settings.get("quant_method") == METHOD and settings.get("format") == self.name

    def shape(self, layer: str, shapes: Shapes, settings: Settings) -> Shape:
        """Measure one layer; raise ColdforgeError naming what does not fit."""
        found = int8_common.measure(layer, shapes)
        if found.groups != 1:
            validation.fit(layer, ".weight_scale", shapes, found.outputs, 1)
        return found

    def decode(self, layer: str, tensors: Mapping[str, Any], settings: Settings) -> Quantized:
        """Read one layer's tensors; raise ColdforgeError naming what does not fit."""
        import torch

        shape = self.shape(layer, validation.shapes_of(tensors), settings)
        codes, scales = int8_common.read(layer, tensors, shape)
        zeros = torch.full(scales.shape, int8_common.MIDDLE, dtype=torch.int16)
        return Quantized(8, codes, scales, zeros)

    def encode(self, layer: str, item: Quantized, settings: Settings | None = None) -> Tensors:
        """Store one layer; raise ColdforgeError if the format cannot hold it losslessly."""
        import torch

        int8_common.refuse_other(layer, self.name, item)
        if not item.symmetric:
            raise validation.refuse(layer, self.name, "its zero points are not the middle code")
        if len(item.scales) != 1 or item.scales.dtype != torch.float32:
            raise validation.refuse(layer, self.name, "its scales are not one float32 per row")
        scale = item.scales.T.contiguous()
        if bool((scale == scale[0]).all()):
            scale = scale[0].clone()
        return {".weight": int8_common.write(item.codes), ".weight_scale": scale}

    def config(self, settings: Settings) -> dict[str, Any]:
        """Write a quantization_config that names this format."""
        return {"quant_method": METHOD, "format": self.name, "bits": 8}

    def width(self, layer: str, settings: Settings) -> Width | None:
        """Return 8 bits, inputs too, for all but the head."""
        return None if layer == HEAD else Width(8, 0, zeros=False, inputs=True, middle=True)

    def inputs(self, layer: str, settings: Settings) -> Inputs:
        """Leave the rounding to the kernel that the layer is loaded into."""
        return "kernel"


FORMAT = Int8Format()
