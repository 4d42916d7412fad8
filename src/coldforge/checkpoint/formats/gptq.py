"""GPTQ checkpoints as AutoGPTQ (v1) and GPTQModel (v1 and v2) write and read them.

A layer is .qweight int32 (in_features*bits/32, out_features), .qzeros int32 (groups,
out_features*bits/32), .scales (groups, out_features) and .g_idx int32 (in_features,), packed as in
bit_packing.py. v1 stores zero points one too low, v2 as they are.

Readers of v1 disagree about a zero point of 0. AutoGPTQ adds one to each field: a field of all ones
is 2**bits. GPTQModel from 0.9 on adds one to each field of a whole word with carry (2, 4, 8 bits)
or drops it (3 bits): the same field is 0. We write neither, and read as the tool that wrote the
file does; meta.quantizer names it.
"""

from collections.abc import Mapping
from typing import Any

from coldforge.checkpoint.formats import bit_packing, rules, validation
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

WIDTHS = (2, 3, 4, 8)
WRITER = "coldforge:0.1.0"
"""Our entry in meta.quantizer: it names the writer's format revision, not the package's version.

Raised only when what is written changes: it is among the bytes of every checkpoint.
"""
WRAPS_SINCE = (0, 9)
"""GPTQModel's first release whose v1 zero points wrap around."""


class GptqFormat(Format):
    """One version of the format."""

    parts: tuple[str, ...] = (".qweight", ".qzeros", ".scales", ".g_idx")
    convertible = True

    def __init__(self, name: str, offset: int) -> None:
        """Call it `name`; its zero points are stored `offset` too low."""
        self.name = name
        self.offset = offset

    def matches(self, settings: Settings) -> bool:
        """Tell whether a checkpoint is in this version; without a version it is v1."""
        form = settings.get("format") or settings.get("checkpoint_format") or "gptq"
        return settings.get("quant_method") == "gptq" and form == self.name

    def shape(self, layer: str, shapes: Shapes, settings: Settings) -> Shape:
        """Measure one layer; raise ColdforgeError if config and tensors do not agree."""
        bits, word = rules.width(settings, layer), settings.get("pack_dtype", "int32")
        if bits not in WIDTHS or word != "int32":
            raise ColdforgeError(
                f"the layer {layer} is packed in {bits} bits, words of {word}",
                f"GPTQ of {', '.join(map(str, WIDTHS))} bits in int32 words can be read",
            )
        validation.need(layer, shapes, ".qweight", ".qzeros", ".scales")
        rows, outputs = shapes[".qweight"]
        groups = shapes[".scales"][0]
        index = shapes.get(".g_idx", [0])
        inputs = index[0] if index and index[0] else rows * 32 // bits
        validation.fit(layer, ".qweight", shapes, bit_packing.words_of(inputs, bits), outputs)
        validation.fit(layer, ".scales", shapes, groups, outputs)
        validation.fit(layer, ".qzeros", shapes, groups, bit_packing.words_of(outputs, bits))
        return Shape(bits, inputs, outputs, groups)

    def decode(self, layer: str, tensors: Mapping[str, Any], settings: Settings) -> Quantized:
        """Read one layer's tensors; raise ColdforgeError naming what does not fit."""
        shape = self.shape(layer, validation.shapes_of(tensors), settings)
        validation.refuse_nan(layer, ".scales", tensors[".scales"])
        order = validation.read_order(layer, ".g_idx", tensors.get(".g_idx"), shape.groups)
        if order is None and shape.inputs % shape.groups:
            raise ColdforgeError(
                f"{shape.groups} groups do not divide the {shape.inputs} inputs of {layer}",
                validation.REMEDY,
            )
        return Quantized(
            shape.bits,
            bit_packing.unpack(tensors[".qweight"], shape.bits, shape.inputs),
            tensors[".scales"],
            self._zeros(tensors[".qzeros"], shape, settings),
            order,
        )

    def encode(self, layer: str, item: Quantized, settings: Settings | None = None) -> Tensors:
        """Store one layer; raise ColdforgeError if the format cannot hold it losslessly."""
        import torch

        bits, (inputs, outputs) = item.bits, item.codes.shape
        if bits not in WIDTHS:
            raise validation.refuse(layer, self.name, f"its weights have {bits} bits")
        for side, count in (("inputs", inputs), ("outputs", outputs)):
            if count * bits % 32 or (bits == 3 and count % bit_packing.BLOCK):
                raise validation.refuse(
                    layer, self.name, f"its {count} {side} do not fill whole words"
                )
        if item.scales.dtype not in {torch.float16, torch.bfloat16}:
            raise validation.refuse(layer, self.name, f"its scales are {item.scales.dtype}")
        validation.refuse_zeros(layer, self.name, item, self.offset, (1 << bits) - 1)
        return {
            ".qweight": bit_packing.pack(item.codes, bits),
            ".qzeros": bit_packing.pack((item.zeros - self.offset).T, bits).T.contiguous(),
            ".scales": item.scales,
            ".g_idx": validation.groups_in_order(item),
        }

    def config(self, settings: Settings) -> dict[str, Any]:
        """Write the quantization_config as GPTQModel does, for AutoGPTQ's readers as well."""
        symmetric = bool(settings["sym"])
        makers = [WRITER]
        if not symmetric and self.offset:
            # GPTQModel refuses asymmetric v1 files unless they promise what its 0.9 promised.
            makers.append("gptqmodel:0.9.0")
        dynamic = {
            pattern if change is not None else f"-:{pattern}": dict(change or {})
            for pattern, change in (settings.get("dynamic") or {}).items()
        }
        return {
            "bits": int(settings["bits"]),
            "checkpoint_format": self.name,
            "desc_act": bool(settings.get("desc_act")),
            "format": self.name,
            "group_size": int(settings["group_size"]),
            "lm_head": bool(settings.get("lm_head")),
            "meta": {"quantizer": makers},
            "pack_dtype": "int32",
            "quant_method": "gptq",
            "sym": symmetric,
            **({"dynamic": dynamic} if dynamic else {}),
        }

    def width(self, layer: str, settings: Settings) -> Width | None:
        """Read a layer's bits and group size; the head counts where the config says so."""
        rule = rules.find_rule(settings.get("dynamic"), layer)
        if rule is None or (layer == HEAD and not settings.get("lm_head")):
            return None
        asked = {**settings, **rule}
        bits, group = rules.width(settings, layer), rules.group_size(asked.get("group_size", 128))
        order, middle = bool(asked.get("desc_act")), bool(asked.get("sym"))
        return Width(bits, group, order=order, middle=middle)

    def files(self, config: Settings) -> dict[str, dict[str, Any]]:
        """Write quantize_config.json, for readers older than quantization_config."""
        names = ("bits", "group_size", "desc_act", "sym", "lm_head", "checkpoint_format", "dynamic")
        older = {
            **{name: config[name] for name in names if name in config},
            "quant_method": "gptq",
            "meta": config.get("meta", {}),
        }
        return {"quantize_config.json": older}

    def _zeros(self, words: Any, shape: Shape, settings: Settings) -> Any:  # noqa: ANN401
        """Return the true zero points, int16 (groups, out_features)."""
        import torch

        wraps = self.offset and _wraps(settings)
        if wraps and 32 % shape.bits == 0:
            words = words + sum(1 << at for at in range(0, 31, shape.bits))
        fields = bit_packing.unpack(words.T, shape.bits, shape.outputs).T.to(torch.int16)
        if wraps and 32 % shape.bits:
            return (fields + 1 & ((1 << shape.bits) - 1)).contiguous()
        return (fields if wraps else fields + self.offset).contiguous()


def _wraps(settings: Settings) -> bool:
    """Tell whether GPTQModel 0.9 or later wrote it; ours have no field that could wrap."""
    makers = (settings.get("meta") or {}).get("quantizer") or []
    for maker in [makers] if isinstance(makers, str) else makers:
        name, _, version = str(maker).partition(":")
        numbers = [int(part) for part in version.split(".")[:2] if part.isdigit()]
        if name == "gptqmodel" and tuple(numbers) >= WRAPS_SINCE:
            return True
    return False


FORMAT = GptqFormat("gptq", offset=1)
