"""A checkpoint's tensors, read on demand; quantised layers decoded."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.checkpoint.linear import IN_BLOCK, Linear
from coldforge.errors import ColdforgeError
from coldforge.model.families.registry import stores_transposed


class Reader:
    """Reads tensors from memory-mapped files: only what is asked for takes memory."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Open the files; raise ColdforgeError if one cannot be."""
        from safetensors import SafetensorError, safe_open

        self.checkpoint = checkpoint
        self.transposed = stores_transposed(checkpoint.config)
        self._files: dict[Any, Any] = {}
        for path in checkpoint.files:
            try:
                self._files[path] = safe_open(path, framework="pt")
            except (OSError, SafetensorError) as error:
                raise ColdforgeError(
                    f"{path} cannot be read: {error}", "copy the file again"
                ) from error

    def tensor(self, name: str) -> Any:  # noqa: ANN401 - a tensor
        """Read one tensor as it is stored."""
        return self._files[self.checkpoint.places[name]].get_tensor(name)

    def layer(self, linear: Linear) -> Quantized:
        """Decode a quantised layer; raise ColdforgeError naming what does not fit."""
        if linear.format is None:
            raise ColdforgeError(f"the layer {linear.name} is not quantised", "")
        parts = {part: self.tensor(linear.name + part) for part in linear.tensors}
        return linear.format.decode(linear.name, parts, self.checkpoint.quantization)

    def weight(self, linear: Linear) -> Any:  # noqa: ANN401 - a tensor
        """Decode a quantised layer's weight, float32, as its module stores it."""
        weight = self.layer(linear).weight()
        # Conv1D layers are inside blocks; the head is an nn.Linear.
        transposed = self.transposed and IN_BLOCK.search(linear.name)
        return weight.T.contiguous() if transposed else weight

    def plain(self) -> dict[str, Any]:
        """Map names to tensors of the unquantised model, each read when it is indexed."""
        linears = self.checkpoint.linears
        stored = {
            name + part for name, item in linears.items() if item.format for part in item.tensors
        }
        found = {
            name: LazyTensor(lambda name=name: self.tensor(name))
            for name in self.checkpoint.tensors
            if name not in stored
        }
        for name, item in linears.items():
            if item.format:
                found[f"{name}.weight"] = LazyTensor(lambda item=item: self.weight(item))
        return found


class LazyTensor:
    """A tensor that is read when it is indexed, like safetensors' slices."""

    def __init__(self, read: Any) -> None:  # noqa: ANN401 - a callable without arguments
        """Keep the function that reads it."""
        self._read = read
        self.error: ColdforgeError | None = None

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 - as tensors are indexed
        """Read the tensor, then index it; keep the error if it cannot be read."""
        try:
            return self._read()[index]
        except ColdforgeError as error:
            self.error = error
            raise


@contextmanager
def own_errors(state: dict[str, Any]) -> Iterator[None]:
    """Raise the error of a tensor that could not be read, not a library's error about it."""
    try:
        yield
    finally:
        for item in state.values():
            if item.error:
                raise item.error
