"""Quantised weights as MatMulNBits reads them: the same codes in another layout.

The operator (ONNX Runtime's ContribOperators: com.microsoft.MatMulNBits) takes B uint8
(out_features, blocks, block * bits / 8), scales float32 (out_features, blocks) and zero points
packed like B, (out_features, blocks * bits / 8); the first value of a byte has the low bits.

Codes of eight bits with float32 inputs have no fast kernel: the operator decodes the whole matrix
at every call, thirteen times slower than float32. They are stored as two halves of four bits
instead, beside each other, the inputs given twice: code = 16 high + low, zero = 16 high + low, and
the high half's scale is 16 times the low one's. No weight changes.

Without zero points the operator takes the middle of the codes; that is a tenth faster.
"""

from dataclasses import dataclass
from typing import Any

from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.errors import ColdforgeError

LEAST, MOST = 16, 256
"""Block sizes the operator accepts: powers of two between these."""


@dataclass(frozen=True)
class NBits:
    """One weight for the operator, as numpy arrays."""

    bits: int
    block: int
    codes: Any
    scales: Any
    zeros: Any
    """None where all are the middle of the codes."""
    order: Any
    """int64 (in_features,): the input at each place, None where they are in order."""
    halves: bool = False
    """Whether the first half of the blocks are high halves of codes, the others low ones."""


def pack(name: str, item: Quantized, int8_activations: bool = False) -> NBits:
    """Repack a layer without changing a weight; raise ColdforgeError if that cannot be.

    Fewer than four bits are stored in four; groups whose size is not a power of two are cut into
    blocks that repeat their scale. With `int8_activations`, codes of eight bits stay whole.
    """
    order = None if item.order is None else _order(name, item)
    codes = (item.codes if order is None else item.codes[order]).T
    block = _block(name, item.group_size)
    repeat = item.group_size // block
    zeros = item.zeros.repeat_interleave(repeat, 0).T
    scales = item.scales.float().repeat_interleave(repeat, 0).T
    if not 0 <= int(zeros.min()) <= int(zeros.max()) < 256:
        raise ColdforgeError(f"{name} has zero points outside 8 bits", "choose another method")
    bits = 4 if max(int(zeros.max()), int(codes.max())) < 16 else 8
    halves = bits == 8 and not int8_activations
    if halves:
        bits = 4
        codes, zeros, scales = _halved(codes), _halved(zeros), _stacked(scales * 16, scales)
    rows, middle = len(codes), bool((zeros == 1 << (bits - 1)).all())
    return NBits(
        bits,
        block,
        _packed(codes, bits).reshape(rows, -1, block * bits // 8).numpy(),
        scales.contiguous().numpy(),
        None if middle else _packed(zeros, bits).numpy(),
        None if order is None else order.numpy(),
        halves,
    )


def unpack(item: NBits) -> Any:  # noqa: ANN401 - a tensor
    """Decode to float32 (out_features, in_features), inputs in the checkpoint's order."""
    import torch

    outputs, blocks, _ = item.codes.shape
    codes = _unpacked(torch.tensor(item.codes).reshape(outputs, -1), item.bits)
    if item.zeros is None:
        zeros = torch.full((outputs, blocks), 1 << (item.bits - 1))
    else:
        zeros = _unpacked(torch.tensor(item.zeros), item.bits)[:, :blocks]
    scales = torch.tensor(item.scales).reshape(outputs, blocks)
    if item.halves:
        blocks //= 2
        if not torch.equal(scales[:, :blocks], scales[:, blocks:] * 16):
            return torch.full_like(codes[:, : codes.shape[1] // 2], torch.nan, dtype=torch.float32)
        codes, zeros, scales = _whole(codes), _whole(zeros), scales[:, blocks:]
    steps = codes.reshape(outputs, blocks, -1).float() - zeros[:, :, None].float()
    weight = (steps * scales[:, :, None]).reshape(outputs, -1)
    if item.order is None:
        return weight
    placed = torch.full_like(weight, torch.nan)
    placed[:, torch.tensor(item.order)] = weight
    return placed


def _order(name: str, item: Quantized) -> Any:  # noqa: ANN401 - a tensor
    """Sort the inputs by their group; each group must be complete."""
    import torch

    counts = torch.bincount(item.order.long(), minlength=len(item.scales))
    if not bool((counts == item.group_size).all()):
        raise ColdforgeError(f"the groups of {name} differ in size", "quantise it again")
    return torch.argsort(item.order.long(), stable=True)


def _block(name: str, group: int) -> int:
    block = min(group & -group, MOST)
    if block < LEAST:
        raise ColdforgeError(
            f"{name} has groups of {group} weights, not a multiple of {LEAST}",
            "quantise with --group-size 32, 64 or 128",
        )
    return block


def _halved(values: Any) -> Any:  # noqa: ANN401 - tensors
    """Put the high halves of bytes (rows, n) before the low ones: (rows, 2 n)."""
    return _stacked(values >> 4, values & 15)


def _whole(halves: Any) -> Any:  # noqa: ANN401 - tensors
    """Undo `_halved`."""
    count = halves.shape[1] // 2
    return halves[:, :count] << 4 | halves[:, count:]


def _stacked(first: Any, second: Any) -> Any:  # noqa: ANN401 - tensors
    import torch

    return torch.cat([first, second], 1)


def _packed(values: Any, bits: int) -> Any:  # noqa: ANN401 - tensors
    """Pack uint8 (rows, n) into bytes (rows, ceil(n * bits / 8))."""
    import torch

    values = values.to(torch.uint8).contiguous()
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
