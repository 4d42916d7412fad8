"""TensorRT-LLM 0.5.0: load_from_gptq_llama of examples/llama/weight.py, commit ffd5af34."""

from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.engine.tensorrt_llm.loader.failure import FP16, NEWER, REQUANTISE, TP, Crash
from coldforge.engine.tensorrt_llm.loader.loaded_weights import (
    LoadedWeights,
    check_group,
    fit,
    from_gptq,
)
from coldforge.engine.tensorrt_llm.loader.loader import (
    group_of,
    half_alone,
    refuse_family,
    refuse_format,
)
from coldforge.engine.tensorrt_llm.loader.weight_layout import QKV, LayerTensors, Slot, Target, need
from coldforge.model.families.dimensions import Dimensions

SUFFIXES = (".qweight", ".qzeros", ".scales")


class V0_5:  # noqa: N801 - a version
    """q, k and v are three equal matrices; g_idx is not read; what does not divide is lost."""

    name = "0.5.0"
    one_file = True
    biases: frozenset[str] = frozenset()
    families = frozenset({"llama", "mistral", "qwen2"})
    reads_config = False
    rope: tuple[str, ...] = ("linear", "dynamic")

    def target(self, checkpoint: Checkpoint, dims: Dimensions, tp: int, dtype: str) -> Target:
        """Take GPTQ files; raise Crash for others."""
        refuse_family(checkpoint, self.families)
        refuse_format(checkpoint, "gptq", "gptq_v2")
        if dtype != "float16":
            raise Crash(f"zero points and scales stay float16 beside {dtype}", FP16)
        check_group(group_of(checkpoint))
        return Target(dims, dims.hidden // dims.heads, tp, group_of(checkpoint))

    def load(self, slot: Slot, parts: list[LayerTensors], rank: int) -> LoadedWeights:
        """Cut, then decode."""
        need(slot, parts, *SUFFIXES)
        half_alone([part[".scales"] for part in parts])
        shares = [self.cut(slot, [part[suffix] for part in parts], rank) for suffix in SUFFIXES]
        return fit(from_gptq(*shares), slot.rows, slot.columns, slot.target.group)

    def cut(self, slot: Slot, tensors: list[Any], rank: int) -> Any:  # noqa: ANN401 - tensors
        """Return a card's share of one kind of tensor; a remainder is lost."""
        import torch

        if len({tuple(item.shape) for item in tensors}) > 1:
            widths = ", ".join(str(item) for item in slot.outputs)
            raise Crash(f"joins q, k and v as if equally wide; here {widths}", NEWER)
        axis = 0 if slot.by_rows else 1
        width = tensors[0].shape[axis] // slot.target.tp
        if not width:
            raise Crash(f"{tensors[0].shape[axis]} groups for {slot.target.tp} cards", TP)
        return torch.cat([item.narrow(axis, rank * width, width) for item in tensors], dim=1)

    def share(self, slot: Slot) -> int:
        """Divide evenly."""
        return slot.rows if slot.by_rows else slot.columns

    def absent(self, name: str) -> str:
        """Stop at q, k and v; pass over others."""
        if name.endswith(QKV):
            raise Crash(f"looks for {name}.qweight, which is not there", REQUANTISE)
        return f"{name}.qweight is not there, which nothing notices"

    def head(self, checkpoint: Checkpoint, tp: int) -> str:
        """Take lm_head.weight if there is one."""
        found = checkpoint.tensors.get("lm_head.weight")
        if found and found.shape[0] % tp:
            raise Crash(f"a vocabulary of {found.shape[0]} on {tp} cards", TP)
        return "lm_head.weight" if found else ""


LOADER = V0_5()
