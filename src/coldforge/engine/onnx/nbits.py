"""Quantised weights as MatMulNBits reads them: the same codes in another order.

The operator (ONNX Runtime's ContribOperators: com.microsoft.MatMulNBits) takes B uint8
(outputs, blocks, block * bits / 8), scales float32 (outputs, blocks) and zero points packed like
B, (outputs, blocks * bits / 8); the first value of a byte has the low bits.
"""

from dataclasses import dataclass
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.model.formats.quantized import Quantized

LEAST, MOST = 16, 256
"""Block sizes the operator takes: powers of two between these."""


@dataclass(frozen=True)
class NBits:
    """One weight for the operator, as numpy arrays."""

    bits: int
    block: int
    codes: Any
    scales: Any
    zeros: Any
    order: Any
    """int64 (inputs,): the input that comes at each place, None where they are in order."""


def pack(name: str, item: Quantized) -> NBits:
    """Repack a layer without changing a number; raise ColdforgeError if it cannot be held.

    Fewer than four bits go into four; groups that are no power of two are cut into blocks that
    repeat their scale.
    """
    import torch

    inputs = item.codes.shape[0]
    order = None if item.order is None else _order(name, item)
    codes = item.codes if order is None else item.codes[order]
    block = _block(name, item.group_size)
    repeat = item.group_size // block
    zeros = item.zeros.repeat_interleave(repeat, 0)
    scales = item.scales.to(torch.float32).repeat_interleave(repeat, 0)
    bits = 4 if max(int(zeros.max()), int(codes.max())) < 16 and item.bits <= 4 else 8
    if not 0 <= int(zeros.min()) <= int(zeros.max()) < 1 << bits:
        raise ColdforgeError(f"{name} has zero points outside {bits} bits", "choose another method")
    return NBits(
        bits,
        block,
        _packed(codes.T.contiguous(), bits).reshape(-1, inputs // block, block * bits // 8).numpy(),
        scales.T.contiguous().numpy(),
        _packed(zeros.T.to(torch.uint8).contiguous(), bits).numpy(),
        None if order is None else order.numpy(),
    )


def unpack(item: NBits) -> Any:  # noqa: ANN401 - a tensor
    """Decode to float32 (outputs, inputs), inputs in the checkpoint's order."""
    import torch

    outputs, blocks, _ = item.codes.shape
    codes = _unpacked(torch.from_numpy(item.codes).reshape(outputs, -1), item.bits)
    codes = codes.reshape(outputs, blocks, item.block).to(torch.float32)
    zeros = _unpacked(torch.from_numpy(item.zeros), item.bits)[:, :blocks].to(torch.float32)
    scales = torch.from_numpy(item.scales).reshape(outputs, blocks, 1)
    weight = ((codes - zeros[:, :, None]) * scales).reshape(outputs, -1)
    if item.order is None:
        return weight
    placed = torch.empty_like(weight)
    placed[:, torch.from_numpy(item.order)] = weight
    return placed


def _order(name: str, item: Quantized) -> Any:  # noqa: ANN401 - a tensor
    """Sort the inputs by their group; each group must be whole."""
    import torch

    counts = torch.bincount(item.order.long(), minlength=len(item.scales))
    if not bool((counts == item.group_size).all()):
        raise ColdforgeError(f"the groups of {name} are not equally large", "quantise it again")
    return torch.argsort(item.order.long(), stable=True)


def _block(name: str, group: int) -> int:
    block = min(group & -group, MOST)
    if block < LEAST:
        raise ColdforgeError(
            f"{name} has groups of {group} weights: no power of two from {LEAST} on divides that",
            "quantise with --group-size 32, 64 or 128",
        )
    return block


def _packed(values: Any, bits: int) -> Any:  # noqa: ANN401 - tensors
    """Pack uint8 (rows, n) into bytes (rows, ceil(n * bits / 8))."""
    import torch

    if bits == 8:
        return values
    if values.shape[1] % 2:
        values = torch.nn.functional.pad(values, (0, 1))
    return (values[:, ::2] | values[:, 1::2] << 4).contiguous()


def _unpacked(packed: Any, bits: int) -> Any:  # noqa: ANN401 - tensors
    import torch

    if bits == 8:
        return packed
    return torch.stack([packed & 15, packed >> 4], -1).reshape(len(packed), -1)
