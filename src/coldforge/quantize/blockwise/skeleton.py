"""A Transformers model with one block in memory: embeddings and the current block."""

import copy
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.errors import ColdforgeError
from coldforge.model.families.blocks import block_tensors
from coldforge.model.families.registry import family_of
from coldforge.model.loading.load import watch

DTYPES = ("float32", "bfloat16", "float16")


class StoppedForward(Exception):  # noqa: N818 - not an error: it ends a forward pass
    """Ends a forward pass at a module and carries its arguments out."""

    def __init__(self, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Keep the module's arguments."""
        super().__init__()
        self.arguments, self.options = args, options


class Skeleton:
    """A model of one block on a device; `load` replaces the block's weights."""

    def __init__(self, checkpoint: Checkpoint, device: str = "cpu", dtype: str = "float32") -> None:
        """Build it from the checkpoint's config; raise ColdforgeError for an unknown family."""
        import torch

        self.checkpoint = checkpoint
        self.family = family_of(checkpoint.config)
        self.tensors = block_tensors(checkpoint)
        self.device, self._dtype = device, getattr(torch, dtype)
        self._model = _skeleton(checkpoint).float().to(device).eval()
        self._model.requires_grad_(False)
        self.block = self._model.get_submodule(self.family.blocks)[0]
        self._options: dict[int, dict[str, Any]] = {}
        self._hooks: list[Any] = []

    def __len__(self) -> int:
        """Count the blocks."""
        return len(self.tensors)

    @property
    def width(self) -> int:
        """Return the hidden size."""
        return int(self._model.config.hidden_size)

    def embed(self, windows: Sequence[Sequence[int]]) -> list[Any]:
        """Return the hidden states (1, tokens, width) that enter the first block."""
        import torch

        table = self._model.get_input_embeddings()
        self._fill_outer()
        hidden = []
        for ids in windows:
            caught = self._catch(torch.tensor([list(ids)], device=self.device))
            hidden.append(caught.arguments[0])
        table.weight = torch.nn.Parameter(table.weight[:1].clone(), requires_grad=False)
        return hidden

    def options(self, length: int) -> dict[str, Any]:
        """Return the arguments besides hidden states that a block gets for windows of `length`."""
        import torch

        if length not in self._options:
            ids = torch.zeros((1, length), dtype=torch.long, device=self.device)
            caught = self._catch(ids)
            self._options[length] = {
                name: item for name, item in caught.options.items() if name != "past_key_values"
            }
        return self._options[length]

    def forward(self, hidden: Any) -> Any:  # noqa: ANN401 - tensors
        """Run a window's hidden states through the block; float32 in and out.

        Weights stay in float32, whatever the arithmetic: they are quantised later.
        """
        import torch

        options = self.options(hidden.shape[1])
        narrow = self._dtype != torch.float32
        arithmetic = torch.autocast(self.device, self._dtype) if narrow else nullcontext()
        with torch.no_grad(), arithmetic:
            found = self.block(hidden.to(self.device), **options)
        return (found[0] if isinstance(found, tuple) else found).float()

    def load(self, index: int) -> Any:  # noqa: ANN401 - a torch module
        """Load block `index` and return the module; raise ColdforgeError naming NaNs."""
        while self._hooks:
            self._hooks.pop().remove()
        state = {name: self.read(full) for name, full in self.tensors[index].items()}
        try:
            missing, _ = self.block.load_state_dict(state, strict=False)
        except RuntimeError as error:
            first = str(error).splitlines()[-1].strip()
            raise ColdforgeError(
                f"block {index} of {self.checkpoint.folder} does not fit its config: {first}",
                "copy the model again",
            ) from error
        for name in missing:
            raise ColdforgeError(
                f"block {index} of {self.checkpoint.folder} lacks {name}", "copy the model again"
            )
        return self.block

    def watch(self, layer: str, step: Any) -> None:  # noqa: ANN401 - a tensor or None
        """Round the inputs of one of the block's layers until the next block is loaded."""
        self._hooks.append(watch(self.block.get_submodule(layer), step))

    def read(self, name: str) -> Any:  # noqa: ANN401 - a tensor
        """Read one tensor as float32; raise ColdforgeError if it has NaNs or is not a float."""
        return read_tensor(self.checkpoint, name).to(self.device)

    def head(self) -> tuple[Any, Any]:
        """Return the final norm, and the head's matrix (vocab_size, hidden_size)."""
        norm = self._model.get_submodule(self.family.final_norm)
        for name, item in norm.named_parameters(prefix=self.family.final_norm):
            item.data = self.read(_match(name, self.checkpoint, self._inside))
        if "lm_head.weight" in self.checkpoint.tensors:
            return norm, self.read("lm_head.weight")
        table = self._model.get_input_embeddings().weight
        tied = next(name for name, item in self._model.named_parameters() if item is table)
        return norm, self.read(_match(tied, self.checkpoint, self._inside))

    @property
    def _inside(self) -> set[str]:
        """Name the tensors inside blocks."""
        return {full for block in self.tensors for full in block.values()}

    def _fill_outer(self) -> None:
        """Load the embeddings, which precede the blocks."""
        import torch

        prefix = self.family.blocks
        inside = self._inside
        table = self._model.get_input_embeddings()
        for name, item in self._model.named_parameters():
            if name.startswith((prefix, "lm_head")):
                continue
            found = _match(name, self.checkpoint, inside)
            tensor = self.read(found)
            if item is table.weight:
                table.weight = torch.nn.Parameter(tensor, requires_grad=False)
            else:
                item.data = tensor

    def _catch(self, ids: Any) -> StoppedForward:  # noqa: ANN401 - a tensor
        import torch

        def out(_: object, args: tuple[Any, ...], options: dict[str, Any]) -> None:
            if not args:
                args = (options.pop("hidden_states"),)
            raise StoppedForward(args, options)

        hook = self.block.register_forward_pre_hook(out, with_kwargs=True)
        try:
            with torch.no_grad():
                self._model(ids, use_cache=False)
        except StoppedForward as caught:
            return caught
        finally:
            hook.remove()
        raise ColdforgeError("the model did not reach its first block", "its type is not supported")


def read_tensor(checkpoint: Checkpoint, name: str) -> Any:  # noqa: ANN401 - a tensor
    """Read a tensor of a model as float32; raise ColdforgeError if an entry is not finite."""
    import torch
    from safetensors import safe_open

    with safe_open(checkpoint.places[name], "pt") as opened:
        raw = opened.get_tensor(name)
    if raw.dtype not in {torch.float16, torch.bfloat16, torch.float32, torch.float64}:
        raise ColdforgeError(
            f"{name} is stored as {str(raw.dtype).removeprefix('torch.')}, not as a float",
            "name the original model: float32, float16 or bfloat16",
        )
    tensor = raw.to(torch.float32)
    if not bool(torch.isfinite(tensor).all()):
        raise ColdforgeError(
            f"{name} of {checkpoint.folder} holds NaN or infinity", "copy or train the model again"
        )
    return tensor


def _skeleton(checkpoint: Checkpoint) -> Any:  # noqa: ANN401 - a Transformers model
    """Build the model of one block and one token; embeddings are loaded when needed."""
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = copy.deepcopy(
            AutoConfig.from_pretrained(str(checkpoint.folder), local_files_only=True)
        )
    except (OSError, ValueError, TypeError) as error:
        first = str(error).splitlines()[0]
        raise ColdforgeError(f"the config of {checkpoint.folder} is wrong: {first}", "") from error
    kinds = getattr(config, "layer_types", None)
    if kinds and len(set(kinds)) > 1:
        raise ColdforgeError(
            f"{checkpoint.folder} mixes kinds of attention: {', '.join(sorted(set(kinds)))}",
            "only models whose blocks are all alike can be quantised",
        )
    config.num_hidden_layers, config.vocab_size, config.pad_token_id = 1, 1, None
    if kinds:
        config.layer_types = kinds[:1]
    return AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")


def _match(name: str, checkpoint: Checkpoint, inside: set[str]) -> str:
    """Find a parameter's tensor, with or without the base model's prefix."""
    for known in (name, name.partition(".")[2]):
        if known in checkpoint.tensors and known not in inside:
            return known
    raise ColdforgeError(f"{checkpoint.folder} lacks {name}", "copy the model again")
