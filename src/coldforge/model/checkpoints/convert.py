"""Rewrite a checkpoint: losslessly in another format, decoded to float16, or in one file."""

import json
import shutil
import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import INDEX, Checkpoint, read_checkpoint
from coldforge.checkpoint.formats.registry import find_format, formats
from coldforge.checkpoint.linear import IN_BLOCK, Linear
from coldforge.checkpoint.safetensors_file import write_tensors
from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.files.output import CARD, read_card, refuse_foreign, whole, write_card
from coldforge.model.card_facts import circumstances, sizes
from coldforge.model.checkpoints.conversion import LayerFacts, Rounding, settings_for, transfer
from coldforge.model.checkpoints.inspect import run_inspect
from coldforge.model.loading.load import rounds_inputs
from coldforge.model.loading.reading import Reader
from coldforge.model.runtime import prepare
from coldforge.progress import Step, step

CONVERTED = "converted model"
PLAIN = "fp16"

Store = Callable[[Linear], dict[str, Any]]
"""A quantised layer -> its new tensors by full name."""

JOINED = "joined model"


def run_convert(model: str, out: str, to: str) -> dict[str, Any]:
    """Convert `model` into `out`; raise ColdforgeError naming the first layer that cannot be."""
    started, place = time.monotonic(), Path(out)
    if to not in (known := targets()):
        raise UnknownNameError("format to convert to", to, known)
    checkpoint = read_checkpoint(Path(model))
    if checkpoint.format is None:
        raise ColdforgeError(
            f"{model} is not quantised: there is nothing to convert",
            "run: invoke quantize --model DIR --out DIR",
        )
    refuse_foreign(place, CONVERTED)
    prepare()
    with whole(place, CONVERTED) as part:
        outcome = _decode(checkpoint, part) if to == PLAIN else _move(checkpoint, part, to)
        _copy(checkpoint, part)
        made = read_checkpoint(part)
        facts = {
            "from": checkpoint.format.name,
            "to": to,
            "origin": {"digest": checkpoint.digest, "card": read_card(checkpoint.folder)},
            "digest": made.digest,
            "warnings": run_inspect(str(part))["warnings"],
            **outcome,
            **sizes(made),
            **circumstances("checkpoint.convert", started),
        }
        write_card(part, CONVERTED, facts)
    return {"model": model, "out": out, **facts}


def targets() -> list[str]:
    """Name what a checkpoint can be converted to."""
    return [name for name, item in formats().items() if item.convertible] + [PLAIN]


def _move(checkpoint: Checkpoint, out: Path, to: str) -> dict[str, Any]:
    """Write all layers in another format."""
    _refuse_inputs(checkpoint, to)
    target, reader = find_format(to), Reader(checkpoint)
    layers = [item for item in checkpoint.linears.values() if item.format]
    found = LayerFacts()
    with step("Reading the layers", len(layers), "layers") as work:
        for item in layers:
            found.add(reader.layer(item))
            work.advance(1)
    settings = settings_for(checkpoint.linears, found)
    config = target.config(settings)

    def store(item: Linear) -> dict[str, Any]:
        parts = transfer(item.name, reader.layer(item), target, settings, config)
        return {item.name + part: tensor for part, tensor in parts.items()}

    with step(f"Converting to {to}", len(layers), "layers") as work:
        _write(reader, out, store, lambda _, tensor: tensor, work)
    _configure(checkpoint, out, quantization_config=config)
    for name, value in target.files(config).items():
        _json(out / name, value)
    return {"layers": len(layers), "lossless": True}


def _decode(checkpoint: Checkpoint, out: Path) -> dict[str, Any]:
    """Write a plain float16 model."""
    reader, rounding = Reader(checkpoint), Rounding()
    layers = [item for item in checkpoint.linears.values() if item.format]

    def store(item: Linear) -> dict[str, Any]:
        name = f"{item.name}.weight"
        return {name: rounding.half(name, reader.weight(item))}

    with step("Decoding to float16", len(layers), "layers") as work:
        _write(reader, out, store, rounding.half, work)
    _configure(checkpoint, out, dtype="float16")
    return {
        "layers": len(layers),
        "lossless": not rounding.tensors and not rounds_inputs(checkpoint),
        "rounded_tensors": rounding.tensors,
        "largest_rounding": rounding.largest,
        "inputs": "no longer rounded to int8" if rounds_inputs(checkpoint) else "as they were",
    }


def _write(
    reader: Reader, out: Path, store: Store, keep: Callable[[str, Any], Any], work: Step
) -> None:
    """Write block by block: quantised layers by `store`, all other tensors by `keep`."""
    from coldforge.checkpoint.shards import Shards

    linears = reader.checkpoint.linears
    quantised = {name: item for name, item in linears.items() if item.format}
    parts = {name + part for name, item in quantised.items() for part in item.tensors}
    units = sorted({*quantised, *(set(reader.checkpoint.tensors) - parts)}, key=_block)
    shards = Shards(out)
    for index, (_, names) in enumerate(groupby(units, key=lambda name: _block(name)[0])):
        tensors: dict[str, Any] = {}
        for name in names:
            if name in quantised:
                tensors |= store(quantised[name])
                work.advance(1)
            else:
                tensors[name] = keep(name, reader.tensor(name))
        shards.write(f"{index:05}", tensors)
    shards.join()


def _block(name: str) -> tuple[int, str]:
    """Return a key that sorts by block; tensors outside of blocks come first."""
    found = IN_BLOCK.search(name)
    return (int(found[0].strip(".")) if found else -1, name)


def _refuse_inputs(checkpoint: Checkpoint, to: str) -> None:
    if rounds_inputs(checkpoint):
        raise ColdforgeError(
            f"{to} cannot store that inputs are rounded to int8: {checkpoint.folder}",
            f"convert it with --to {PLAIN}, which keeps only the weights",
        )


def _configure(checkpoint: Checkpoint, out: Path, **changes: Any) -> None:  # noqa: ANN401 - JSON
    """Write config.json with another quantization_config, or none."""
    config = {key: item for key, item in checkpoint.config.items() if key != "quantization_config"}
    if "dtype" in changes:
        config.pop("torch_dtype", None)
    _json(out / "config.json", {**config, **changes})


def _copy(checkpoint: Checkpoint, out: Path) -> None:
    """Copy tokenizer and generation settings."""
    from coldforge.model.tokens import copy_files

    copy_files(checkpoint.folder, out)
    generation = checkpoint.folder / "generation_config.json"
    if generation.is_file():
        shutil.copyfile(generation, out / generation.name)


def _json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", "utf-8")


def run_join(model: str, out: str) -> dict[str, Any]:
    """Write `model` to `out` with all tensors in model.safetensors; raise ColdforgeError."""
    started = time.monotonic()
    checkpoint = read_checkpoint(Path(model))
    if len(checkpoint.files) == 1:
        raise ColdforgeError(f"{model} is already in one file", "use it as it is")
    entries = [
        (checkpoint.places[name], name, item) for name, item in sorted(checkpoint.tensors.items())
    ]
    with whole(Path(out), JOINED) as folder:
        size = sum(item.size for _, _, item in entries)
        with step("Joining the shards", size, "bytes") as work:
            write_tensors(folder / "model.safetensors", entries, work.advance)
        for path in checkpoint.folder.iterdir():
            if path.is_file() and path not in checkpoint.files and path.name not in {CARD, INDEX}:
                shutil.copyfile(path, folder / path.name)
        facts = {
            "files": len(checkpoint.files),
            "origin": {"digest": checkpoint.digest, "card": read_card(checkpoint.folder)},
            "digest": read_checkpoint(folder).digest,
            "disk_bytes": (folder / "model.safetensors").stat().st_size,
            **circumstances("checkpoint.join", started),
        }
        if facts["digest"] != checkpoint.digest:
            raise ColdforgeError("the joined tensors differ from the shards'", "try again")
        write_card(folder, JOINED, facts)
    return {"model": model, "out": out, **facts}
