"""What was not run, and why: otherwise a gap would look like a pass."""

from collections.abc import Iterator
from typing import Any

from coldforge.report.page.model import Column, Row, Section, Table
from coldforge.report.results.engine import Bench, LoaderCheck, MemoryPrediction
from coldforge.report.results.gather import Found, Runs
from coldforge.report.results.model import Evaluated, HumanEval
from coldforge.report.results.models import Models
from coldforge.report.sections import SectionMaker

ABSENT = (
    ((Bench,), "speed and memory of engines", "bench --engine ENGINE"),
    ((Evaluated,), "perplexity, KL, agreement", "evaluate --model M --reference O"),
    ((HumanEval,), "HumanEval", "evaluate --task humaneval --problems FILE"),
    ((LoaderCheck,), "how TensorRT-LLM decodes the weights", "engine.check --checkpoint M"),
    ((LoaderCheck, MemoryPrediction), "memory on a card", "engine.memory --model M"),
)
"""Kinds of results, what any of them would show, and the task that makes one."""
SKIPPED = "skipped: "
BAD = frozenset({"skipped", "failed"})


def make(runs: Runs, _: Models) -> Section | None:
    """List what was skipped or failed, and which results are missing."""
    rows = [row for item in runs.results for row in _gaps(item)]
    rows += [
        {"what": what, "why": "no result", "where": None, "command": f"./invokew {task} --json"}
        for kinds, what, task in ABSENT
        if not any(runs.of(kind) for kind in kinds)
    ]
    if not rows:
        return None
    columns = [
        Column("what", "What"),
        Column("why", "Why"),
        Column("where", "File"),
        Column("command", "Command that runs it"),
    ]
    return Section(
        "missing", "Not run", tables=[Table("missing", "What was not run, and why", columns, rows)]
    )


def _gaps(item: Found[Any]) -> Iterator[Row]:
    for place in item.lost:
        why = "not a finite number"
        yield {"what": place, "why": why, "where": item.path, "command": None}
    for what, why in skipped(item.raw):
        yield {"what": what, "why": why, "where": item.path, "command": None}


def skipped(value: Any, name: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    """List what was skipped or failed according to a result, with the reason."""
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
    """Read the status and the error of a part of a result."""
    if value.get("status") in BAD:
        yield name, f"{value['status']}: {value.get('why', 'no reason given')}"
    if isinstance(wrong := value.get("error"), dict) and "message" in wrong:
        yield name, f"failed at {wrong.get('step')}: {wrong['message']}"


def _reasons(value: object, name: str) -> Iterator[tuple[str, str]]:
    """Read the value of `skipped`: a reason, or one for each of several things."""
    if isinstance(value, dict):
        yield from ((str(what), f"{SKIPPED}{why}") for what, why in value.items())
    elif value:
        yield name, f"{SKIPPED}{value}"


SECTION = SectionMaker(order=90, make=make)
