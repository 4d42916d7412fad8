"""Checks that formats share: missing tensors, wrong shapes, NaN."""

from collections.abc import Mapping, Sequence
from typing import Any

from coldforge.checkpoint.formats.format import Shapes
from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.errors import ColdforgeError

REMEDY = "copy the checkpoint again, or quantise the model again"


def shapes_of(tensors: Mapping[str, Any]) -> dict[str, list[int]]:
    """Read the shapes of tensors."""
    return {part: list(tensor.shape) for part, tensor in tensors.items()}


def need(layer: str, shapes: Shapes, *parts: str) -> None:
    """Raise ColdforgeError naming the first part that is missing or is not a matrix."""
    for part in parts:
        if part not in shapes:
            raise ColdforgeError(f"the layer {layer} lacks {part}", REMEDY)
        if len(shapes[part]) != 2 or min(shapes[part]) < 1:
            raise ColdforgeError(f"{layer}{part} is not a matrix: {_spell(shapes[part])}", REMEDY)


def fit(layer: str, part: str, shapes: Shapes, *expected: int) -> None:
    """Raise ColdforgeError unless a part, if present, has the expected shape."""
    if part in shapes and list(shapes[part]) != list(expected):
        raise ColdforgeError(
            f"{layer}{part} is {_spell(shapes[part])}, its layer needs {_spell(expected)}", REMEDY
        )


def refuse_nan(layer: str, part: str, scales: Any) -> None:  # noqa: ANN401 - a tensor
    """Raise ColdforgeError if a scale is not a number, or infinite."""
    if not scales.isfinite().all():
        raise ColdforgeError(f"{layer}{part} holds NaN or infinity", REMEDY)


def read_order(layer: str, part: str, index: Any, groups: int) -> Any:  # noqa: ANN401 - tensors
    """Return the group of each input, None if they run in order; raise ColdforgeError."""
    import torch

    if index is None or not index.numel():
        return None
    index = index.to(torch.int32)
    if int(index.min()) < 0 or int(index.max()) >= groups:
        raise ColdforgeError(f"{layer}{part} names a group that does not exist", REMEDY)
    size = len(index) // groups
    if len(index) % groups == 0 and torch.equal(index.long(), torch.arange(len(index)) // size):
        return None
    return index


def groups_in_order(item: Quantized) -> Any:  # noqa: ANN401 - a tensor
    """Return the int32 group of each input, as g_idx stores it."""
    import torch

    if item.order is not None:
        return item.order.to(torch.int32)
    return (torch.arange(len(item.codes)) // item.group_size).to(torch.int32)


def refuse(layer: str, name: str, why: str, hint: str = "choose another format") -> ColdforgeError:
    """Say why a format cannot hold a layer."""
    return ColdforgeError(f"{name} cannot hold the layer {layer}: {why}", hint)


def refuse_zeros(layer: str, name: str, item: Quantized, low: int, high: int) -> None:
    """Raise ColdforgeError unless all zero points lie between `low` and `high`."""
    found = (int(item.zeros.min()), int(item.zeros.max()))
    for value in found:
        if not low <= value <= high:
            raise refuse(layer, name, f"a zero point of {value}, outside {low} … {high}")


def _spell(shape: Sequence[int]) -> str:
    return " by ".join(map(str, shape)) or "a single number"
