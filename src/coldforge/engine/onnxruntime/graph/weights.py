"""A checkpoint's tensors by their names in the model family."""

from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.errors import ColdforgeError
from coldforge.model.families.registry import family_of
from coldforge.model.loading.reading import Reader

HEAD = "lm_head"
"""The layer from hidden states to logits; a plain nn.Linear in every family."""


class Weights:
    """Reads tensors of a checkpoint when they are needed."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Open the files."""
        self.reader = Reader(checkpoint)
        self.checkpoint = checkpoint
        self._prefix = f"{family_of(checkpoint.config).base}."
        self._known = checkpoint.tensors.keys() | checkpoint.linears.keys()

    def find(self, name: str) -> str | None:
        """Return the checkpoint's name of a tensor or layer; None if it has none."""
        bare = name.removeprefix(self._prefix)
        return next((one for one in (name, bare) if one in self._known), None)

    def array(self, name: str, *, exact: bool = False) -> Any:  # noqa: ANN401 - a numpy array
        """Read a tensor as float32; with `exact` a float16 one stays so. Raise ColdforgeError."""
        import torch

        found = self.find(name)
        if found is None:
            raise ColdforgeError(
                f"{self.checkpoint.folder} has no tensor {name}", "copy the model again"
            )
        tensor = self.reader.tensor(found)
        keep = exact and tensor.dtype == torch.float16
        return (tensor if keep else tensor.to(torch.float32)).contiguous().numpy()

    def linear(self, name: str) -> Any:  # noqa: ANN401 - Quantized, or a numpy array
        """Read a linear layer: Quantized, or plain, float32 (in_features, out_features)."""
        found = self.find(name)
        linear = self.checkpoint.linears.get(found or "")
        if linear is not None and linear.format is not None:
            return self.reader.layer(linear)
        weight = self.array(f"{name}.weight")
        transposed = self.reader.transposed and name != HEAD
        return weight if transposed else weight.T
