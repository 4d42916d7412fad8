"""Tensors outside the blocks: embeddings, final norm, head; stored unquantised."""

from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.checkpoint.shards import Shards
from coldforge.errors import ColdforgeError
from coldforge.quantize.blockwise.skeleton import Skeleton, read_tensor


def keep(checkpoint: Checkpoint) -> Any:  # noqa: ANN401 - a torch dtype
    """Return the dtype of unquantised tensors: bfloat16 if the model is, else float16."""
    import torch

    wide = {item.dtype for item in checkpoint.tensors.values()}
    return torch.bfloat16 if "BF16" in wide else torch.float16


def cast(name: str, tensor: Any, kind: Any) -> Any:  # noqa: ANN401 - a tensor and its type
    """Convert an unquantised tensor; raise ColdforgeError naming it if it overflows."""
    import torch

    found = tensor.to(kind)
    if not bool(torch.isfinite(found).all()):
        raise ColdforgeError(
            f"{name} does not fit into {str(kind).removeprefix('torch.')}",
            "store the model as bfloat16 first: quantize --method bf16",
        )
    return found


def write_rest(checkpoint: Checkpoint, skeleton: Skeleton, shards: Shards, kind: Any) -> None:  # noqa: ANN401
    """Write every tensor outside the blocks, a piece each."""
    inside = {full for block in skeleton.tensors for full in block.values()}
    for at, name in enumerate(sorted(checkpoint.tensors.keys() - inside)):
        tensor = read_tensor(checkpoint, name)
        shards.write(f"rest-{at:05}", {name: cast(name, tensor, kind)})
