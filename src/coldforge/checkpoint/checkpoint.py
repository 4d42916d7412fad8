"""A model directory in Hugging Face's layout: validation, sizes, digests, comparison."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from coldforge.checkpoint.formats.format import Format
from coldforge.checkpoint.formats.registry import format_of
from coldforge.checkpoint.linear import Linear, linears
from coldforge.checkpoint.safetensors_file import Tensor, read_header, tensor_digests
from coldforge.errors import ColdforgeError
from coldforge.files.digest import sha256_json

INDEX = "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")


@dataclass(frozen=True)
class Checkpoint:
    """A model directory that has been checked."""

    folder: Path
    config: dict[str, Any]
    files: tuple[Path, ...]
    """Its safetensors files, sorted."""

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Read every header: tensor name -> type, shape and place."""
        return {name: item for path in self.files for name, item in read_header(path).items()}

    @cached_property
    def places(self) -> dict[str, Path]:
        """Map each tensor's name to the file that holds it."""
        return {name: path for path in self.files for name in read_header(path)}

    @cached_property
    def digests(self) -> dict[str, str]:
        """Hash every tensor: name -> hex sha256."""
        return {name: item for path in self.files for name, item in tensor_digests(path).items()}

    @property
    def digest(self) -> str:
        """Identify the weights independently of sharding; hex sha256."""
        return sha256_json(self.digests)

    @property
    def quantization(self) -> dict[str, Any]:
        """Return its quantization_config, or that of the older quantize_config.json; or {}."""
        if found := self.config.get("quantization_config"):
            return dict(found)
        older = self.folder / "quantize_config.json"
        return {"quant_method": "gptq", **_json(older)} if older.is_file() else {}

    @property
    def format(self) -> Format | None:
        """Recognise how it is quantised, None where it is not; raise ColdforgeError."""
        return format_of(self.quantization) if self.quantization else None

    @property
    def disk_bytes(self) -> int:
        """Bytes of its safetensors files."""
        return sum(path.stat().st_size for path in self.files)

    @cached_property
    def linears(self) -> dict[str, Linear]:
        """Measure the linear layers by name; raise ColdforgeError naming one that does not fit."""
        return linears(self.tensors, self.quantization)

    @property
    def linear_bytes(self) -> int:
        """Bytes of the linear layers' weights; scales, zeros and group indices counted."""
        return sum(item.size for item in self.linears.values())

    @property
    def linear_weights(self) -> int:
        """Count the weights of the linear layers."""
        return sum(item.shape.weights for item in self.linears.values())

    @property
    def linear_fp16_bytes(self) -> int:
        """Bytes the same weights take at two bytes each."""
        return 2 * self.linear_weights

    @property
    def bits_per_weight(self) -> float:
        """Bits that a linear weight takes on disk; 0 where there is none."""
        return 8 * self.linear_bytes / self.linear_weights if self.linear_weights else 0.0


def read_checkpoint(folder: Path) -> Checkpoint:
    """Check that `folder` is a model with weights and tokenizer; raise ColdforgeError."""
    folder = folder.absolute()  # libraries may change the working directory
    if not folder.is_dir():
        raise ColdforgeError(
            f"no such model directory: {folder}", "run: invoke model.demo --out DIR"
        )
    if not (folder / "config.json").is_file():
        raise ColdforgeError(f"{folder} is not a model directory: no config.json", _LAYOUT)
    config = _json(folder / "config.json")
    files = _weights(folder)
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise ColdforgeError(
            f"{folder} has no tokenizer",
            f"put one of these beside the weights: {_names(TOKENIZERS)}",
        )
    checkpoint = Checkpoint(folder, config, files)
    if not checkpoint.tensors:
        raise ColdforgeError(f"the weights of {folder} contain no tensors", _LAYOUT)
    return checkpoint


def compare(one: Checkpoint, other: Checkpoint) -> dict[str, Any]:
    """Compare two checkpoints tensor by tensor: whether they are equal, and which differ."""
    names = sorted(one.digests.keys() | other.digests.keys())
    differing = [name for name in names if one.digests.get(name) != other.digests.get(name)]
    return {
        "equal": not differing,
        "tensors": len(names),
        "differing": [name for name in differing if name in one.digests and name in other.digests],
        "only_one": [name for name in differing if name not in other.digests],
        "only_other": [name for name in differing if name not in one.digests],
        "one": one.digest,
        "other": other.digest,
    }


_LAYOUT = "a model directory holds config.json, *.safetensors and a tokenizer"


def _weights(folder: Path) -> tuple[Path, ...]:
    if not (folder / INDEX).is_file():
        found = tuple(sorted(folder.glob("*.safetensors")))
        if found:
            return found
        others = sorted(path.name for path in folder.glob("*.bin"))
        tail = f", only {_names(others)}" if others else ""
        raise ColdforgeError(f"model directory without weights: {folder}{tail}", _LAYOUT)
    index = _json(folder / INDEX).get("weight_map")
    if not isinstance(index, dict) or not index:
        raise ColdforgeError(f"{INDEX} of {folder} has no weight_map", "copy the model again")
    names = sorted({str(name) for name in index.values()})
    for name in names:
        if Path(name).name != name or not (folder / name).is_file():
            raise ColdforgeError(f"{folder} lacks the shard {name}", "copy the missing file")
    return tuple(folder / name for name in names)


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ColdforgeError(f"{path} is not JSON: {error}", "copy the file again") from error
    if not isinstance(value, dict):
        raise ColdforgeError(f"{path} is not a JSON object", "copy the file again")
    return value


def _names(names: "tuple[str, ...] | list[str]") -> str:
    return ", ".join(names)
