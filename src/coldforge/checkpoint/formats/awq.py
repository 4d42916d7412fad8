"""AWQ checkpoints as AutoAWQ's "gemm" version writes them, 4 bits.

A layer is .qweight int32 (in_features, out_features/8), .qzeros int32 (groups, out_features/8)
with zero points as they are, and .scales (groups, out_features). A word holds eight neighbouring
outputs, interleaved.
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
from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.errors import ColdforgeError

BITS = 4
ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
"""Which of eight outputs lies in each nibble, lowest first."""


class AwqFormat(Format):
    """AutoAWQ's layout for matrix kernels."""

    name = "awq"
    parts: tuple[str, ...] = (".qweight", ".qzeros", ".scales")
    convertible = True
    conv1d = False

    def matches(self, settings: Settings) -> bool:
        """Tell whether a checkpoint is in this version of AWQ; without a version it is."""
        form = str(settings.get("version") or settings.get("format") or "gemm").lower()
        other_layout = settings.get("backend") == "llm-awq"
        return settings.get("quant_method") == "awq" and form == "gemm" and not other_layout

    def shape(self, layer: str, shapes: Shapes, settings: Settings) -> Shape:
        """Measure one layer; raise ColdforgeError if it is not of 4 bits."""
        if int(settings.get("bits", BITS)) != BITS:
            raise ColdforgeError(
                f"the layer {layer} is packed in {settings['bits']} bits", "AWQ of 4 bits is read"
            )
        validation.need(layer, shapes, ".qweight", ".scales")
        inputs = shapes[".qweight"][0]
        groups, outputs = shapes[".scales"]
        validation.fit(layer, ".qweight", shapes, inputs, -(-outputs // 8))
        validation.fit(layer, ".qzeros", shapes, groups, -(-outputs // 8))
        if inputs % groups:
            raise ColdforgeError(
                f"{groups} groups do not divide the {inputs} inputs of {layer}", validation.REMEDY
            )
        return Shape(BITS, inputs, outputs, groups)

    def decode(self, layer: str, tensors: Mapping[str, Any], settings: Settings) -> Quantized:
        """Read one layer's tensors; raise ColdforgeError naming what does not fit."""
        import torch

        shape = self.shape(layer, validation.shapes_of(tensors), settings)
        scales = tensors[".scales"]
        validation.refuse_nan(layer, ".scales", scales)
        if ".qzeros" in tensors:
            zeros = _unpack(tensors[".qzeros"], shape.outputs).to(torch.int16)
        elif settings.get("zero_point"):
            raise ColdforgeError(f"the layer {layer} lacks .qzeros", validation.REMEDY)
        else:
            zeros = torch.full(scales.shape, 1 << (BITS - 1), dtype=torch.int16)
        return Quantized(BITS, _unpack(tensors[".qweight"], shape.outputs), scales, zeros)

    def encode(self, layer: str, item: Quantized, settings: Settings | None = None) -> Tensors:
        """Store one layer; raise ColdforgeError if the format cannot hold it losslessly."""
        import torch

        if item.bits != BITS:
            raise validation.refuse(layer, self.name, f"its weights have {item.bits} bits, not 4")
        if item.order is not None:
            raise validation.refuse(layer, self.name, "its groups are out of order (act-order)")
        if item.codes.shape[1] % 8:
            raise validation.refuse(
                layer, self.name, f"its {item.codes.shape[1]} outputs do not fill whole words"
            )
        if item.scales.dtype not in {torch.float16, torch.bfloat16}:
            raise validation.refuse(layer, self.name, f"its scales are {item.scales.dtype}")
        validation.refuse_zeros(layer, self.name, item, 0, (1 << BITS) - 1)
        return {
            ".qweight": _pack(item.codes),
            ".qzeros": _pack(item.zeros),
            ".scales": item.scales,
        }

    def config(self, settings: Settings) -> dict[str, Any]:
        """Write the quantization_config as AutoAWQ does; raise ColdforgeError for mixed bits."""
        if settings.get("lm_head"):
            raise ColdforgeError("AWQ cannot hold a quantised lm_head", "choose another format")
        kept: list[str] = []
        for pattern, change in (settings.get("dynamic") or {}).items():
            name = rules.literal(pattern)
            if change is not None or name is None:
                raise ColdforgeError(
                    f"AWQ files cannot say what is different at {pattern}",
                    "one width and group size for all layers; name those left out one by one",
                )
            kept.append(name)
        return {
            "bits": BITS,
            "group_size": int(settings["group_size"]),
            "modules_to_not_convert": ["lm_head", *kept] if kept else None,
            "quant_method": "awq",
            "version": "gemm",
            "zero_point": True,
        }

    def width(self, layer: str, settings: Settings) -> Width | None:
        """Read a layer's group size; it has 4 bits, and a scale for each input besides."""
        kept = [HEAD, *(settings.get("modules_to_not_convert") or [])]
        if any(name in layer for name in kept):
            return None
        return Width(BITS, rules.group_size(settings.get("group_size", 128)), smooth=True)


FORMAT = AwqFormat()


def _pack(values: Any) -> Any:  # noqa: ANN401 - tensors
    """Pack (n, out_features) into int32 (n, out_features/8)."""
    import torch

    words = torch.zeros((len(values), values.shape[1] // 8), dtype=torch.int32)
    for nibble, output in enumerate(ORDER):
        words |= values[:, output::8].to(torch.int32) << (nibble * BITS)
    return words


def _unpack(words: Any, outputs: int) -> Any:  # noqa: ANN401 - tensors
    """Unpack int32 (n, out_features/8) into uint8 (n, out_features)."""
    import torch

    values = torch.empty((len(words), words.shape[1] * 8), dtype=torch.uint8)
    for nibble, output in enumerate(ORDER):
        values[:, output::8] = ((words >> (nibble * BITS)) & 15).to(torch.uint8)
    return values[:, :outputs].contiguous()
