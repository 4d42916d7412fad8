"""TensorRT-LLM 0.10: load_from_gptq_llama of tensorrt_llm/models/llama/weight.py, tag v0.10.0."""

from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.engine.tensorrt_llm.loader.failure import REQUANTISE, TP, UNIFIED, Crash
from coldforge.engine.tensorrt_llm.loader.v0_5_0 import V0_5
from coldforge.engine.tensorrt_llm.loader.weight_layout import Slot


class V0_10(V0_5):  # noqa: N801 - a version
    """q, k and v are cut one by one; what does not divide is refused; g_idx is not read."""

    name = "0.10"
    reads_config = True

    def cut(self, slot: Slot, tensors: list[Any], rank: int) -> Any:  # noqa: ANN401 - tensors
        """Return a card's share of one kind of tensor."""
        import torch

        axis, tp = (0 if slot.by_rows else 1), slot.target.tp
        shares = []
        for item in tensors:
            if item.shape[axis] % tp:
                what = "groups" if slot.by_rows else "outputs"
                raise Crash(f"{item.shape[axis]} {what} do not divide among {tp} cards", TP)
            width = item.shape[axis] // tp
            shares.append(item.narrow(axis, rank * width, width))
        return torch.cat(shares, dim=1)

    def absent(self, name: str) -> str:
        """Stop."""
        raise Crash(f"looks for {name}.qweight, which is not there", REQUANTISE)

    def head(self, checkpoint: Checkpoint, tp: int) -> str:
        """Take lm_head.weight, padded to fit; raise Crash without one."""
        if "lm_head.weight" not in checkpoint.tensors:
            raise Crash("looks for lm_head.weight, which is not there", UNIFIED)
        return "lm_head.weight"


LOADER = V0_10()
