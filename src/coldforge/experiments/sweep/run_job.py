"""A job's steps, each done once: what a step found is noted under the digest of all it saw."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.engine.card import read_engine
from coldforge.engine.runtimes import runtimes
from coldforge.errors import ColdforgeError
from coldforge.experiments.sweep.folder import exclusive
from coldforge.experiments.sweep.job import FORMAT, Job
from coldforge.experiments.sweep.matrix import Backend
from coldforge.experiments.sweep.steps import Facts, Steps
from coldforge.files.digest import sha256_json
from coldforge.files.notes import read_note, write_note
from coldforge.model.runtime import versions
from coldforge.quantize.calibration.find import identify

MADE_BY = "made_by"
"""In a note: the digest of all that decided it."""
PATIENCE = 60.0
"""Seconds to wait for a worker that was given up but is not dead yet."""


@dataclass(frozen=True)
class Outcome:
    """What became of a job: a cell a backend, or one without."""

    cells: list[dict[str, Any]]
    done: list[str] = field(default_factory=list)
    """Steps done now, not in an earlier run."""
    node: str = ""


def run_job(job: Job, verbs: Steps | None = None) -> Outcome:
    """Do what of a job is not done yet; what fails is said in its cells, nothing is raised."""
    run = _Run(job, verbs or Steps())
    try:
        with exclusive(job.place, job.name, PATIENCE):
            cells = run.cells()
    except (ColdforgeError, OSError) as error:
        return failed(job, error)
    return Outcome(cells, run.done, socket.gethostname())


def failed(job: Job, error: Exception) -> Outcome:
    """Say that a job could not even begin, or was lost with its worker."""
    why = {"step": "run", **_said(error)}
    return Outcome([{**_blank(job, backend), "error": why} for backend in _backends(job)])


class _Run:
    """One job under way."""

    def __init__(self, job: Job, verbs: Steps) -> None:
        self.job, self.verbs = job, verbs
        self.done: list[str] = []
        self.found: dict[str, Facts] = {}
        self.at = ""

    def cells(self) -> list[dict[str, Any]]:
        """Do the steps all cells share, then each cell's own."""
        wrong = self._try(self._shared)
        shared, cells = dict(self.found), []
        for backend in _backends(self.job):
            self.found = dict(shared)
            error = wrong
            if backend and not wrong:
                error = self._try(partial(self._engine, backend))
            cells.append({**_blank(self.job, backend), **self.found, "error": error})
        return cells

    def _try(self, steps: Callable[[], None]) -> dict[str, str] | None:
        """Do `steps`; return what went wrong, in which step."""
        try:
            steps()
        except (ColdforgeError, OSError) as error:
            return {"step": self.at, **_said(error)}
        return None

    def _shared(self) -> None:
        job = self.job
        made = self._step("quantize", None, job.made_of(), self._quantised, self._checkpoint_stands)
        config = read_checkpoint(job.checkpoint).config
        judged = [FORMAT, made["digest"], config, job.seen.weights, job.seen.judged]
        self._step("evaluate", None, judged, self._judged)

    def _engine(self, backend: Backend) -> None:
        job = self.job
        checkpoint = read_checkpoint(job.checkpoint)
        runs_on = {**versions(), **runtimes()}
        built_of = [FORMAT, checkpoint.digest, checkpoint.config, backend.name, runs_on]

        def stands(note: Facts) -> object:
            return (read_engine(job.engine(backend)).card["digest"]) == note["digest"]

        engine = self._step(
            "engine", backend, built_of, partial(self.verbs.build, job, backend), stands
        )
        timed = [FORMAT, engine["digest"], msgspec.to_builtins(job.bench), runs_on]
        self._step("bench", backend, timed, partial(self.verbs.measure, job, backend))

    def _quantised(self) -> Facts:
        job = self.job
        _same(identify(job.calibration.text), job.seen.drawn, job.calibration.text)
        found = self.verbs.quantise(job)
        _same(found["model_digest"], job.seen.weights, job.source)
        return {name: value for name, value in found.items() if name != "kind"}

    def _judged(self) -> Facts:
        job = self.job
        _same(job.judging.digest(), job.seen.judged, job.judging.text or "Python's library")
        return self.verbs.judge(job)

    def _checkpoint_stands(self, note: Facts) -> bool:
        return read_checkpoint(self.job.checkpoint).digest == str(note["digest"])

    def _step(
        self,
        name: str,
        backend: Backend | None,
        decided_by: list[Any],
        work: Callable[[], Facts],
        stands: Callable[[Facts], object] = bool,
    ) -> Facts:
        """Return a step's note, made now unless what an earlier run made still `stands`."""
        self.at = name
        path, key = self.job.note(name, backend), sha256_json(decided_by)
        note = read_note(path)
        if note.get(MADE_BY) != key or not _holds(stands, note):
            note = {**self._do(work, backend), MADE_BY: key}
            write_note(path, note)
            self.done.append(f"{backend.name} {name}" if backend else name)
        self.found[name] = note
        return note

    def _do(self, work: Callable[[], Facts], backend: Backend | None) -> Facts:
        """Do a step; if it fails, what an earlier run found of other inputs goes: it misleads."""
        try:
            return work()
        except (ColdforgeError, OSError):
            for stale in self.job.from_on(self.at, backend):
                stale.unlink(missing_ok=True)
            raise


def _same(found: str | None, expected: str | None, what: object) -> None:
    """Raise ColdforgeError if a worker reads something else than who handed the job out."""
    if found != expected:
        raise ColdforgeError(
            f"{what} is another one on {socket.gethostname()}, or was changed meanwhile",
            "show every worker the same folders at the same paths, then run again",
        )


def _holds(stands: Callable[[Facts], object], note: Facts) -> bool:
    try:
        return bool(stands(note))
    except ColdforgeError:
        return False


def _backends(job: Job) -> list[Backend | None]:
    return list(job.backends) or [None]


def _blank(job: Job, backend: Backend | None) -> dict[str, Any]:
    """Say what a cell is, nothing of it done yet."""
    return {
        "model": job.model,
        "method": job.variant.method,
        "name": job.name,
        "parameters": job.settings,
        "backend": backend.name if backend else None,
        "digest": job.cell(backend),
        **dict.fromkeys(("quantize", "evaluate", "engine", "bench", "error")),
    }


def _said(error: Exception) -> dict[str, str]:
    if isinstance(error, ColdforgeError):
        return {"message": error.message, "hint": error.hint}
    return {"message": f"{type(error).__name__}: {error}".splitlines()[0], "hint": ""}
