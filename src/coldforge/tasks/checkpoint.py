"""checkpoint.diff: what two model directories have in common."""

from functools import partial
from typing import Any

from invoke.collection import Collection
from invoke.context import Context

from coldforge.tasks._model import HELP, MODEL
from coldforge.tasks._task import emit, task


@partial(task, help={"one": MODEL, "other": "Another.", "json": HELP["json"]})
def diff(context: Context, one: str, other: str, json: bool = False) -> None:
    """Say whether two checkpoints hold the same tensors, and which differ; exit 1 if any does.

    Example: invoke checkpoint.diff --one models/a --other models/b
    """
    from coldforge.model.verbs.diff import run_diff

    found = run_diff(one, other)
    emit(found, json, table(found))
    if not found["equal"]:
        raise SystemExit(1)


def table(found: dict[str, Any]) -> str:
    """Say whether two checkpoints are equal."""
    if found["equal"]:
        return f"equal: {found['tensors']} tensors, digest {found['one']}"
    lines = [f"differs: {name}" for name in found["differing"]]
    lines += [f"only in one: {name}" for name in found["only_one"]]
    lines += [f"only in other: {name}" for name in found["only_other"]]
    return "\n".join([*lines, f"{len(lines)} of {found['tensors']} tensors differ"])


namespace = Collection("checkpoint", diff)
