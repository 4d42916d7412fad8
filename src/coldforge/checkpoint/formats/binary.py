"""Coldforge's own format for weights of one bit: a sign, times the scale of its group.

A layer is .weight_sign uint8 (in_features/8, out_features), bit n of a byte for input 8k + n,
1 for plus, and .weight_scale (groups, out_features).
"""

from collections.abc import Mapping
from typing import Any

from coldforge.checkpoint.formats import rules, validation
from coldforge.checkpoint.formats.format import (
    HEAD,
    Format,
    Settings,
    Shape,
    Shapes,
    Tensors,
    Width,
)
from coldforge.checkpoint.formats.int8 import METHOD
from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.errors import ColdforgeError


class BinaryFormat(Format):
    """One-bit weights, eight to a byte."""

    name = "coldforge-binary"
    parts: tuple[str, ...] = (".weight_sign", ".weight_scale")

    def matches(self, settings: Settings) -> bool:
        """Tell whether a checkpoint is in this format."""
        return settings.get("quant_method") == METHOD and settings.get("format") == self.name

    def shape(self, layer: str, shapes: Shapes, settings: Settings) -> Shape:
        """Measure one layer; raise ColdforgeError naming what does not fit."""
        validation.need(layer, shapes, *self.parts)
        rows, outputs = shapes[".weight_sign"]
        groups = shapes[".weight_scale"][0]
        validation.fit(layer, ".weight_scale", shapes, groups, outputs)
        if rows * 8 % groups:
            raise ColdforgeError(
                f"{groups} groups do not divide the {rows * 8} inputs of {layer}",
                validation.REMEDY,
            )
        return Shape(1, rows * 8, outputs, groups)

    def decode(self, layer: str, tensors: Mapping[str, Any], settings: Settings) -> Quantized:
        """Read one layer's tensors; raise ColdforgeError naming what does not fit."""
        import torch

        shape = self.shape(layer, validation.shapes_of(tensors), settings)
        signs, scales = tensors[".weight_sign"], tensors[".weight_scale"]
        validation.refuse_nan(layer, ".weight_scale", scales)
        codes = torch.empty((shape.inputs, shape.outputs), dtype=torch.uint8)
        for bit in range(8):
            codes[bit::8] = ((signs >> bit) & 1) * 2
        return Quantized(1, codes, scales, torch.ones(scales.shape, dtype=torch.int16))

    def encode(self, layer: str, item: Quantized, settings: Settings | None = None) -> Tensors:
        """Store one layer; raise ColdforgeError if the format cannot hold it losslessly."""
        import torch

        inputs, outputs = item.codes.shape
        if item.bits != 1 or item.order is not None or inputs % 8:
            raise validation.refuse(
                layer,
                self.name,
                f"{item.bits} bits, {inputs} inputs; not 1 bit, inputs in eights",
            )
        signs = torch.zeros((inputs // 8, outputs), dtype=torch.uint8)
        for bit in range(8):
            signs |= (item.codes[bit::8] >> 1) << bit
        return {".weight_sign": signs, ".weight_scale": item.scales}

    def config(self, settings: Settings) -> dict[str, Any]:
        """Write a quantization_config that names this format."""
        return {
            "quant_method": METHOD,
            "format": self.name,
            "bits": 1,
            "group_size": int(settings["group_size"]),
        }

    def width(self, layer: str, settings: Settings) -> Width | None:
        """Return 1 bit for all but the head."""
        return None if layer == HEAD else Width(1, rules.group_size(settings.get("group_size")))


FORMAT = BinaryFormat()
