"""Read a folder of results: which task each file comes from, and why a file is not used."""

import hashlib
import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from coldforge.errors import ColdforgeError
from coldforge.files.digest import sha256_json
from coldforge.files.output import CARD
from coldforge.report.page.model import LeftOut, Source
from coldforge.report.results.engine import Bench, BuiltEngine, LoaderCheck, MemoryPrediction
from coldforge.report.results.model import (
    Compared,
    Evaluated,
    HumanEval,
    Quantised,
    Result,
    Survey,
    Sweep,
)

TASKS: dict[str, type[Result]] = {
    "bench": Bench,
    "compare": Compared,
    "engine.build": BuiltEngine,
    "engine.check": LoaderCheck,
    "engine.memory": MemoryPrediction,
    "evaluate": Evaluated,
    "humaneval": HumanEval,
    "quantize": Quantised,
    "survey": Survey,
    "sweep": Sweep,
}
"""What each task prints."""
KINDS = {"engine": "engine.build", "quantised model": "quantize"}
"""The task whose result a card holds, by the card's kind."""
HINT = "write results there: ./invokew evaluate … --json > DIR/int4.json"
NO_TASK = "does not hold the result of a task"
LARGEST_WHOLE, LARGEST = 2**63, 1e100
"""Larger numbers, whole or not, are shown as not measured."""
UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""Control characters, and lone surrogates, which UTF-8 cannot encode."""
R = TypeVar("R", bound=Result)


@dataclass(frozen=True)
class Found(Generic[R]):
    """A result and the file that it was read from."""

    path: str
    """Below the folder."""
    task: str
    result: R
    raw: dict[str, Any]
    lost: list[str]
    """Places of numbers that are not finite."""

    @property
    def name(self) -> str:
        """Name what it is about: the folder of a card, else the file."""
        path = Path(self.path)
        return path.parent.name if path.name == CARD else path.stem


@dataclass
class Runs:
    """All results of a folder, in the order of their paths."""

    results: list[Found[Any]] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def of(self, kind: type[R]) -> list[Found[R]]:
        """List the results of one kind."""
        return [item for item in self.results if type(item.result) is kind]


def gather(folder: Path, exclude: Path | None = None) -> Runs:
    """Read every *.json below `folder`, except hidden ones and those below `exclude`.

    Raise ColdforgeError if the folder does not exist or holds no result.
    """
    if not folder.is_dir():
        raise ColdforgeError(f"folder of results not found: {folder}", HINT)
    runs, first = Runs(), dict[str, str]()
    for path in sorted(folder.rglob("*.json")):
        place = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in place.parts)
        if hidden or (exclude and path.resolve().is_relative_to(exclude.resolve())):
            continue
        _take(runs, path, writable(place.as_posix()), first)
    if not runs.results:
        unread = "; ".join(f"{item.path}: {item.why}" for item in runs.left_out[:3])
        raise ColdforgeError(f"no results in {folder}{f' ({unread})' if unread else ''}", HINT)
    return runs


def _take(runs: Runs, path: Path, place: str, first: dict[str, str]) -> None:
    """Read one file into `runs`; `first` maps a result's digest to the first file that holds it."""
    try:
        data = path.read_bytes()
        found = read_result(place, data)
    except NotAResultError as error:
        runs.left_out.append(LeftOut(place, str(error)))
        return
    except OSError as error:
        runs.left_out.append(LeftOut(place, f"cannot be read: {error.strerror}"))
        return
    # A card holds what its task printed, and its kind.
    digest = sha256_json({**found.raw, "kind": "", "task": found.task})
    if first.setdefault(digest, place) != place:
        runs.left_out.append(LeftOut(place, f"holds the same result as {first[digest]}"))
        return
    runs.results.append(found)
    runs.sources.append(Source(place, found.task, hashlib.sha256(data).hexdigest()))


class NotAResultError(Exception):
    """Say why a file is not a result."""


def read_result(place: str, data: bytes) -> Found[Any]:
    """Decode a file; raise NotAResultError."""
    if b'"task"' not in data and b'"kind"' not in data:
        raise NotAResultError(NO_TASK)
    lost: list[str] = []
    try:
        raw = clean(json.loads(data), lost)
    except (ValueError, RecursionError) as error:
        raise NotAResultError(f"is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise NotAResultError(NO_TASK)
    task = _task(place, raw)
    try:
        return Found(place, task, msgspec.convert(raw, TASKS[task]), raw, lost)
    except msgspec.ValidationError as error:
        raise NotAResultError(f"is not a result of {task}: {error}") from error


def _task(place: str, raw: dict[str, Any]) -> str:
    """Name the task that printed a result; raise NotAResultError if the page does not show it."""
    card = Path(place).name == CARD
    name = raw.get("kind" if card else "task")
    task = KINDS.get(str(name)) if card else name
    if not isinstance(task, str) or task not in TASKS:
        raise NotAResultError(f"the page does not show {name!r}" if name else NO_TASK)
    return task


def writable(text: str) -> str:
    """Replace what cannot be written into a page."""
    return UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def clean(value: Any, lost: list[str], place: str = "") -> Any:  # noqa: ANN401 - what JSON holds
    """Make text writable; replace numbers that are not finite by None, their places join `lost`."""
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, dict):
        return {
            writable(name): clean(item, lost, f"{place}.{writable(name)}".lstrip("."))
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [clean(item, lost, f"{place}[{at}]") for at, item in enumerate(value)]
    if _too_large(value):
        lost.append(place)
        return None
    return value


def _too_large(value: object) -> bool:
    """Tell whether a number is infinite, undefined, or larger than any count."""
    if isinstance(value, float):
        return not math.isfinite(value) or abs(value) > LARGEST
    return isinstance(value, int) and abs(value) >= LARGEST_WHOLE
