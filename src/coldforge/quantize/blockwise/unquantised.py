"""What stands outside the blocks: embeddings, the last norm, the head; stored as they are."""

from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.checkpoint.shards import Shards
from coldforge.errors import ColdforgeError
from coldforge.quantize.blockwise.skeleton import Skeleton, read_tensor


def keep(checkpoint: Checkpoint) -> Any:  # noqa: ANN401 - a torch dtype
    """Choose the type of what is not quantised: bfloat16 where the model is in it, else float16."""
    import torch

    wide = {item.dtype for item in checkpoint.tensors.values()}
    return torch.bfloat16 if "BF16" in wide else torch.float16


def cast(name: str, tensor: Any, kind: Any) -> Any:  # noqa: ANN401 - a tensor and its type
    """Convert what is stored as it is; raise ColdforgeError naming what does not fit."""
    import torch

    found = tensor.to(kind)
    if not bool(torch.isfinite(found).all()):
        raise ColdforgeError(
            f"{name} does not fit into {str(kind).removeprefix('torch.')}",
            "store the model as bfloat16 first: quantize --method bf16",
        )
    return found


def write_rest(checkpoint: Checkpoint, skeleton: Skeleton, shards: Shards, kind: Any) -> None:  # noqa: ANN401
    """Write every tensor that is in no block, one piece each."""
    inside = {full for block in skeleton.tensors for full in block.values()}
    for at, name in enumerate(sorted(checkpoint.tensors.keys() - inside)):
        tensor = read_tensor(checkpoint, name)
        shards.write(f"rest-{at:05}", {name: cast(name, tensor, kind)})
