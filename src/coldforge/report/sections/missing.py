"""What was not run, and why: a gap that is not named reads as a pass."""

from collections.abc import Iterator
from typing import Any

from coldforge.report.page.model import Column, Row, Section, Table
from coldforge.report.results.engine import Bench, Checked, Predicted
from coldforge.report.results.gather import Found, Runs
from coldforge.report.results.model import Evaluated, Programs
from coldforge.report.results.models import Models

ABSENT = (
    ((Bench,), "speed and memory of engines", "./invokew bench --engine ENGINE --json"),
    (
        (Evaluated,),
        "perplexity, KL, agreement",
        "./invokew evaluate --model M --reference O --json",
    ),
    ((Programs,), "HumanEval", "./invokew evaluate --task humaneval --problems FILE --json"),
    ((Checked,), "what TensorRT-LLM decodes", "./invokew engine.check --checkpoint M --json"),
    ((Checked, Predicted), "memory on a card", "./invokew engine.memory --model M --json"),
)
"""Kinds of results any of which says it, what they would say, and what would tell it."""
SKIPPED = "skipped: "
BAD = frozenset({"skipped", "failed"})


def section(runs: Runs, _: Models) -> Section | None:
    """List what results say was skipped or failed, and what there is no result of."""
    rows = [row for item in runs.results for row in _said(item)]
    rows += [
        {"what": what, "why": "no result", "where": None, "command": command}
        for kinds, what, command in ABSENT
        if not any(runs.of(kind) for kind in kinds)
    ]
    if not rows:
        return None
    columns = [
        Column("what", "What"),
        Column("why", "Why"),
        Column("where", "Said by"),
        Column("command", "What would tell"),
    ]
    return Section(
        "missing", "Not run", tables=[Table("missing", "What was not run, and why", columns, rows)]
    )


def _said(item: Found[Any]) -> Iterator[Row]:
    for place in item.lost:
        why = "not a finite number"
        yield {"what": place, "why": why, "where": item.path, "command": None}
    for what, why in skipped(item.raw):
        yield {"what": what, "why": why, "where": item.path, "command": None}


def skipped(value: Any, name: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Name what a result says was skipped or failed, with its reason."""
    if isinstance(value, str) and value.startswith(SKIPPED):
        yield name, value
    elif isinstance(value, list):
        for item in value:
            yield from skipped(item, name)
    elif isinstance(value, dict):
        name = next((str(value[key]) for key in ("way", "name") if value.get(key)), name)
        yield from _wrong(value, name)
        for key, item in value.items():
            yield from _reasons(item, name) if key == "skipped" else skipped(item, name or key)


def _wrong(value: dict[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """Read what a part of a result says of itself."""
    if value.get("status") in BAD:
        yield name, f"{value['status']}: {value.get('why', 'no reason given')}"
    if isinstance(wrong := value.get("error"), dict) and "message" in wrong:
        yield name, f"failed at {wrong.get('step')}: {wrong['message']}"


def _reasons(value: object, name: str) -> Iterator[tuple[str, str]]:
    """Read what stands under `skipped`: a reason, or one for each of several things."""
    if isinstance(value, dict):
        yield from ((str(what), f"{SKIPPED}{why}") for what, why in value.items())
    elif value:
        yield name, f"{SKIPPED}{value}"
