"""Lossless transfer of layers between formats, and what rounding to float16 loses."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from coldforge.checkpoint.formats.format import Format, Settings, Tensors
from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.checkpoint.formats.rules import exactly
from coldforge.checkpoint.linear import Linear
from coldforge.errors import ColdforgeError

HALF_MAX = 65504.0


@dataclass
class LayerFacts:
    """What is true of all quantised layers, gathered one at a time."""

    symmetric: bool = True
    ordered: bool = False

    def add(self, item: Quantized) -> None:
        """Count one more layer in."""
        self.symmetric = self.symmetric and item.symmetric
        self.ordered = self.ordered or item.order is not None


def settings_for(linears: Mapping[str, Linear], found: LayerFacts) -> dict[str, Any]:
    """Return the settings a format's `config` takes: most frequent width and group, exceptions."""
    quantised = {name: item for name, item in linears.items() if item.format}
    bits = _most_frequent(item.shape.bits for item in quantised.values())
    sizes = [item.shape.group_size for item in quantised.values() if item.shape.groups > 1]
    group_size = _most_frequent(sizes) if sizes else -1
    dynamic: dict[str, dict[str, int] | None] = {}
    for name, item in linears.items():
        if item.format is None:
            dynamic[exactly(name)] = None
        elif change := _change(item, bits, group_size):
            dynamic[exactly(name)] = change
    return {
        "activations": None,
        "bits": bits,
        "desc_act": found.ordered,
        "dynamic": dynamic,
        "group_size": group_size,
        "lm_head": "lm_head" in quantised,
        "sym": found.symmetric,
    }


def transfer(
    layer: str, item: Quantized, target: Format, settings: Settings, config: Settings
) -> Tensors:
    """Store a layer in another format; raise ColdforgeError unless it decodes to the same."""
    import torch

    if item.scales.dtype == torch.float32:
        narrow = item.scales.to(torch.float16)
        if torch.equal(narrow.float(), item.scales):
            item = replace(item, scales=narrow)
    tensors = target.encode(layer, item, settings)
    again = target.decode(layer, tensors, config)
    if not torch.equal(item.codes, again.codes) or not torch.equal(item.weight(), again.weight()):
        raise ColdforgeError(
            f"{target.name} does not reproduce the layer {layer} exactly", "keep the original"
        )
    return tensors


@dataclass
class Rounding:
    """What rounding to float16 loses."""

    tensors: int = 0
    """Tensors with a number that is not exactly a float16."""
    largest: float = 0.0
    """The largest change, as a share of the largest number of its tensor."""

    def half(self, name: str, tensor: Any) -> Any:  # noqa: ANN401 - tensors
        """Round to float16; raise ColdforgeError if a number is too large for it."""
        if not tensor.is_floating_point():
            return tensor
        wide = tensor.float()
        top = float(wide.abs().max()) if wide.numel() else 0.0
        if not top <= HALF_MAX:
            raise ColdforgeError(
                f"{name} holds {top:g}, too large for float16",
                "keep the quantised checkpoint",
            )
        rounded = wide.half()
        change = float((rounded.float() - wide).abs().max()) if wide.numel() else 0.0
        self.tensors += change > 0
        self.largest = max(self.largest, change / top if top else 0.0)
        return rounded


def _change(item: Linear, bits: int, group_size: int) -> dict[str, int]:
    """Say what is different about a layer."""
    shape = item.shape
    change = {"bits": shape.bits} if shape.bits != bits else {}
    per_channel = group_size == -1 or group_size >= shape.inputs
    if shape.groups != (1 if per_channel else -(-shape.inputs // group_size)):
        change["group_size"] = shape.group_size if shape.groups > 1 else -1
    return change


def _most_frequent(values: Iterable[int]) -> int:
    """Return the most frequent value, the larger where two are equally frequent."""
    counts = Counter(values)
    return max(counts, key=lambda value: (counts[value], value))
