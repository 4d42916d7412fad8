"""TensorRT-LLM 1.2: the unified converter.

Sources: examples/models/core/llama/convert_checkpoint.py (update_quant_config_from_hf),
tensorrt_llm/models/model_weights_loader.py, WeightOnlyGroupwiseQuantLinear and
postprocess_weight_only_groupwise of tensorrt_llm/quantization.
"""

from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.engine.tensorrt_llm.loader.failure import FP16, REQUANTISE, TP, Crash
from coldforge.engine.tensorrt_llm.loader.loaded_weights import (
    CODE_OFFSET,
    MULTIPLE,
    LoadedWeights,
    check_group,
    fit,
    nibbles,
)
from coldforge.engine.tensorrt_llm.loader.loader import group_of, refuse_family, refuse_format
from coldforge.engine.tensorrt_llm.loader.weight_layout import LayerTensors, Slot, Target, need
from coldforge.model.families.dimensions import Dimensions

SUFFIXES = (".qweight", ".qzeros", ".scales")
INTERLEAVED = (0, 4, 1, 5, 2, 6, 3, 7)
"""The nibbles of AutoAWQ's words in the order of their outputs."""


class V1_2:  # noqa: N801 - a version
    """Any number of files, GPTQ v1 or AutoAWQ; g_idx is not read; sizes are padded to fit."""

    name = "1.2"
    one_file = False
    biases = frozenset({"qwen2"})
    families = frozenset({"llama", "mistral", "qwen2"})
    reads_config = True
    rope: tuple[str, ...] = ("linear", "dynamic", "llama3")

    def target(self, checkpoint: Checkpoint, dims: Dimensions, tp: int, dtype: str) -> Target:
        """Take GPTQ or AutoAWQ files; raise Crash for others.

        The converter takes `sym` for "has zero points": symmetric files keep theirs, which add
        nothing, and asymmetric ones lose them. Its refusal of desc_act is raised within a try
        whose except goes on with what the command line says: there are zero points.
        """
        refuse_family(checkpoint, self.families)
        refuse_format(checkpoint, "gptq", "gptq_v2", "awq")
        if dtype == "float32":
            raise Crash(f"its kernels for groups do not compute in {dtype}", FP16)
        group = group_of(checkpoint)
        check_group(group)
        config = checkpoint.config.get("quantization_config") or {}
        packing = "awq" if config.get("quant_method") == "awq" else "gptq"
        zeros = True
        if packing == "awq":
            zeros = bool(config.get("zero_point", False))
        elif config and not config.get("desc_act", False):
            zeros = bool(config.get("sym", False))
        return Target(dims, dims.head_dim, tp, group, zeros, packing, dtype)

    def load(self, slot: Slot, parts: list[LayerTensors], rank: int) -> LoadedWeights:
        """Cut and decode; where sizes do not divide: decode, cut and pad."""
        import torch

        need(slot, parts, *SUFFIXES)
        wide, awq = padded(slot), slot.target.packing == "awq"
        qweight, qzeros, scales = (
            _cut(slot, [part[suffix] for part in parts], rank, wide) for suffix in SUFFIXES
        )
        scales = scales.to(getattr(torch, slot.target.dtype))
        codes = (_spread(qweight) if awq else nibbles(qweight.T.contiguous()).T) - CODE_OFFSET
        zeros = _spread(qzeros) if awq else nibbles(qzeros)
        if wide:
            codes, scales, zeros = _pad(slot, rank, codes, scales, zeros)
        zero_offset = CODE_OFFSET if awq else CODE_OFFSET - 1
        scaled_zeros = (zero_offset - zeros) * scales if slot.target.zeros else None
        return fit(LoadedWeights(codes, scales, scaled_zeros), *place(slot), slot.target.group)

    def share(self, slot: Slot) -> int:
        """Divide what was padded."""
        return place(slot)[0 if slot.by_rows else 1]

    def absent(self, name: str) -> str:
        """Stop."""
        raise Crash(f"looks for {name}.qweight, which is not there", REQUANTISE)

    def head(self, checkpoint: Checkpoint, tp: int) -> str:
        """Take lm_head.weight, or the embedding where the config ties them."""
        if checkpoint.config.get("tie_word_embeddings"):
            return "model.embed_tokens.weight"
        if "lm_head.weight" not in checkpoint.tensors:
            raise Crash("looks for lm_head.weight, which is not there", REQUANTISE)
        return "lm_head.weight"


def place(slot: Slot) -> tuple[int, int]:
    """Return the rows and columns of a card's share, padded."""
    tp = slot.target.tp
    unit = max(MULTIPLE, slot.target.group) * tp
    rows, columns = (-(-size // unit) * unit for size in _sizes(slot))
    return (rows // tp, columns) if slot.by_rows else (rows, columns // tp)


def padded(slot: Slot) -> bool:
    """Tell whether a size is not a multiple of what the release's kernels take."""
    unit = max(MULTIPLE, slot.target.group) * slot.target.tp
    return any(size % unit for size in _sizes(slot))


def _sizes(slot: Slot) -> tuple[int, int]:
    """Return inputs and outputs of all cards together."""
    fused = len(slot.parts) > 1
    return slot.inputs, slot.target.tp * sum(slot.local) if fused else sum(slot.outputs)


def _cut(slot: Slot, tensors: list[Any], rank: int, whole: bool) -> Any:  # noqa: ANN401 - tensors
    """Return a card's share of one kind of tensor, or all of it where it is cut later."""
    import torch

    axis, tp = (0 if slot.by_rows else 1), slot.target.tp
    if whole or (len(tensors) > 1 and slot.target.dimensions.kv_heads < tp):
        return torch.cat(tensors, dim=1)
    shares = []
    for item in tensors:
        width = -(-item.shape[axis] // tp)
        shares.append(item.narrow(axis, rank * width, min(width, item.shape[axis] - rank * width)))
    return torch.cat(shares, dim=1)


def _pad(slot: Slot, rank: int, codes: Any, scales: Any, zeros: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """Cut and pad complete tensors: codes with 0, scales with 1, zero points with 8.

    Codes are cut into pieces as long as a card has outputs, even where inputs are cut.
    """
    rows, columns = place(slot)
    axis, group = (0 if slot.by_rows else 1), slot.target.group
    if not slot.target.zeros:
        raise Crash("its sizes do not divide, and it pads zero points that it left out", TP)
    scale_place = (rows // group, columns)
    return (
        _filled(codes, columns, axis, rank, (rows, columns), 0),
        _filled(scales, scale_place[axis], axis, rank, scale_place, 1),
        _filled(zeros, scale_place[axis], axis, rank, scale_place, CODE_OFFSET - 1),
    )


def _filled(
    item: Any,  # noqa: ANN401 - a tensor
    width: int,
    axis: int,
    rank: int,
    room: tuple[int, int],
    value: int,
) -> Any:  # noqa: ANN401 - a tensor
    import torch

    pieces = torch.split(item, width, axis)
    if rank >= len(pieces):
        raise Crash(f"no piece is left for card {rank}", TP)
    found = pieces[rank]
    more = [max(0, full - size) for full, size in zip(room, found.shape, strict=True)]
    return torch.nn.functional.pad(found, (0, more[1], 0, more[0]), value=value)


def _spread(words: Any) -> Any:  # noqa: ANN401 - tensors
    """Unpack AutoAWQ's int32 (n, m) into int8 (n, 8m)."""
    loose = nibbles(words)
    return loose.view(-1, 8)[:, list(INTERLEAVED)].view(loose.shape)


LOADER = V1_2()
