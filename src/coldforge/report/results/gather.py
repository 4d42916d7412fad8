"""Read a folder of results: what each file is, and why a file is none."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from coldforge.errors import ColdforgeError
from coldforge.files.digest import sha256_json
from coldforge.files.output import CARD
from coldforge.report.page.model import LeftOut, Source
from coldforge.report.page.sanitise import clean, writable
from coldforge.report.results.catalogue import KINDS, TASKS
from coldforge.report.results.result import Result

HINT = "put there what tasks print with --json: ./invokew evaluate … --json > DIR/int4.json"
R = TypeVar("R", bound=Result)


@dataclass(frozen=True)
class Found(Generic[R]):
    """A result, and where it stood."""

    path: str
    """Below the folder."""
    task: str
    said: R
    raw: dict[str, Any]
    lost: list[str]
    """Where it has numbers that are not finite."""

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
        return [item for item in self.results if type(item.said) is kind]


def gather(folder: Path, besides: Path | None = None) -> Runs:
    """Read every *.json below `folder`, but for hidden ones and those below `besides`.

    Raise ColdforgeError if there is no folder, or no result in it.
    """
    if not folder.is_dir():
        raise ColdforgeError(f"no such folder of results: {folder}", HINT)
    runs, seen = Runs(), dict[str, str]()
    for path in sorted(folder.rglob("*.json")):
        place = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in place.parts)
        if hidden or (besides and path.resolve().is_relative_to(besides.resolve())):
            continue
        _take(runs, path, writable(place.as_posix()), seen)
    if not runs.results:
        unread = "; ".join(f"{item.path}: {item.why}" for item in runs.left_out[:3])
        raise ColdforgeError(f"no results in {folder}{f' ({unread})' if unread else ''}", HINT)
    return runs


def _take(runs: Runs, path: Path, place: str, seen: dict[str, str]) -> None:
    """Read one file into `runs`; `seen` maps results to the file that had them first."""
    try:
        data = path.read_bytes()
        found = read_result(place, data)
    except NoResultError as error:
        runs.left_out.append(LeftOut(place, str(error)))
        return
    except OSError as error:
        runs.left_out.append(LeftOut(place, f"cannot be read: {error.strerror}"))
        return
    # A card holds what its task printed, and a kind besides.
    first = seen.setdefault(sha256_json({**found.raw, "kind": "", "task": found.task}), place)
    if first != place:
        runs.left_out.append(LeftOut(place, f"says the same as {first}"))
        return
    runs.results.append(found)
    runs.sources.append(Source(place, found.task, hashlib.sha256(data).hexdigest()))


class NoResultError(Exception):
    """Say why a file is no result."""


def read_result(place: str, data: bytes) -> Found[Any]:
    """Decode a file; raise NoResultError."""
    if b'"task"' not in data and b'"kind"' not in data:
        raise NoResultError("no result of a task")
    lost: list[str] = []
    try:
        raw = clean(json.loads(data), lost)
    except (ValueError, RecursionError) as error:
        raise NoResultError(f"is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise NoResultError("no result of a task")
    task = _task(place, raw)
    try:
        return Found(place, task, msgspec.convert(raw, TASKS[task]), raw, lost)
    except msgspec.ValidationError as error:
        raise NoResultError(f"no result of {task}: {error}") from error


def _task(place: str, raw: dict[str, Any]) -> str:
    """Name the task that gave a result; raise NoResultError if the page knows it not."""
    carded = Path(place).name == CARD
    said = raw.get("kind" if carded else "task")
    task = KINDS.get(str(said)) if carded else said
    if not isinstance(task, str) or task not in TASKS:
        raise NoResultError(
            f"the page shows nothing of {said!r}" if said else "no result of a task"
        )
    return task
