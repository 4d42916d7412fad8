"""checkpoint.diff, .inspect, .convert, .join: compare, show and rewrite model directories."""

import re
from functools import partial
from itertools import groupby
from typing import Any

from invoke.collection import Collection
from invoke.context import Context

from coldforge.tasks._command import emit, everywhere, task
from coldforge.tasks._in_image import HELP, MODEL, flags, full, given, hand_over, making, outside


@partial(task, help={"one": MODEL, "other": "Another model directory.", "json": HELP["json"]})
def diff(context: Context, one: str, other: str, json: bool = False) -> None:
    """Compare the tensors of two checkpoints; exit 1 if any differ.

    Example: invoke checkpoint.diff --one models/a --other models/b
    """
    from coldforge.model.checkpoints.inspect import run_diff

    found = run_diff(one, other)
    emit(found, json, table(found))
    if not found["equal"]:
        raise SystemExit(1)


@partial(task, help={"model": MODEL, "json": HELP["json"]})
def inspect(context: Context, model: str, json: bool = False) -> None:
    """Show a checkpoint's format, bits, groups and bytes, layer by layer.

    Example: invoke checkpoint.inspect --model models/demo-int4
    """
    from coldforge.model.checkpoints.inspect import run_inspect

    found = run_inspect(model)
    emit(found, json, layers_table(found))


@partial(
    task,
    help={
        **HELP,
        "model": "Quantised model directory.",
        "to": "Format, such as gptq, gptq_v2, awq or compressed-tensors; or fp16 to decode.",
        "out": "Folder to make.",
    },
)
def convert(
    context: Context, model: str, to: str, out: str, yes: bool = False, json: bool = False
) -> None:
    """Convert a quantised checkpoint to another format, with the same codes and scales.

    Example: invoke checkpoint.convert --model models/demo-int4 --to gptq_v2 --out models/demo-v2
    """
    from coldforge.model.checkpoints.convert import CONVERTED, run_convert

    if outside():
        with making(out, CONVERTED) as staged:
            spelled = flags(model=full(model), to=to, out=staged, json=json)
            hand_over("checkpoint.convert", spelled, given(model), staged, yes)
        return
    found = run_convert(model, out, to)
    emit(found, json, converted_table(found))


@partial(task, help={"model": MODEL, "out": "Folder to make.", "json": HELP["json"]})
def join(context: Context, model: str, out: str, json: bool = False) -> None:
    """Join the shards of a checkpoint into one file, as TensorRT-LLM before 1.0 needs it.

    Example: invoke checkpoint.join --model models/34b-int4 --out models/34b-int4-one
    """
    from coldforge.model.checkpoints.convert import run_join
    from coldforge.progress import amount

    found = run_join(model, out)
    text = f"{found['files']} files in one of {amount(found['disk_bytes'])}"
    emit(found, json, f"{text}\ndigest {found['digest']}, unchanged")


def table(found: dict[str, Any]) -> str:
    """Lay out the differences of two checkpoints."""
    if found["equal"]:
        return f"equal: {found['tensors']} tensors, digest {found['one']}"
    lines = [f"differs: {name}" for name in found["differing"]]
    lines += [f"only in one: {name}" for name in found["only_one"]]
    lines += [f"only in other: {name}" for name in found["only_other"]]
    return "\n".join([*lines, f"{len(lines)} of {found['tensors']} tensors differ"])


COLUMNS = ("layer", "number", "format", "bits", "group", "zeros", "order", "shape", "bytes each")


def layers_table(found: dict[str, Any]) -> str:
    """Lay layers out in rows; layers that differ only in the number of their block share a row."""
    from coldforge.progress import amount

    keyed = sorted(((_row(layer), layer["name"]) for layer in found["layers"]), key=str)
    rows = [
        (row[0], str(len(list(names))), *row[1:])
        for row, names in groupby(keyed, key=lambda pair: pair[0])
    ]
    lines = _columns([COLUMNS, *rows])
    lines += [
        f"{len(found['layers'])} linear layers of {found['linear_weights']:,} weights: "
        f"{amount(found['linear_bytes'])}, {found['bits_per_weight']:.3f} bits a weight",
        f"on disk {amount(found['disk_bytes'])} in {len(found['shards'])} files",
    ]
    return "\n".join([*lines, *(f"warning: {text}" for text in found["warnings"])])


def converted_table(found: dict[str, Any]) -> str:
    """Lay out the result of a conversion."""
    lines = [f"{found['layers']} layers from {found['from']} to {found['to']}"]
    if found["lossless"]:
        lines[0] += ", each decodes to the same weights"
    else:
        lines[0] += (
            f"; {found['rounded_tensors']} tensors were rounded, by at most "
            f"{found['largest_rounding']:.1e} of their largest number; inputs {found['inputs']}"
        )
    lines += [f"digest {found['digest']}", *(f"warning: {text}" for text in found["warnings"])]
    return "\n".join(lines)


def _row(layer: dict[str, Any]) -> tuple[str, ...]:
    """Make the row of a layer, with the number of its block as *."""
    from coldforge.progress import amount

    quantised = layer["group_size"] is not None
    return (
        re.sub(r"(^|\.)\d+\.", r"\1*.", layer["name"]),
        layer["format"],
        str(layer["bits"]),
        str(layer["group_size"]) if quantised else "",
        ("symmetric" if layer["sym"] else "asymmetric") if quantised else "",
        "act-order" if layer["act_order"] else "",
        f"{layer['inputs']} x {layer['outputs']}",
        amount(layer["bytes"]),
    )


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Align columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


TASKS = everywhere(Collection("checkpoint", diff, inspect, convert, join))
