"""A job's steps, each done once: results are recorded under the digest of all their inputs."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.engine.backend import runtimes
from coldforge.engine.card import read_engine
from coldforge.errors import ColdforgeError
from coldforge.experiments.sweep.job import FORMAT, Job, exclusive
from coldforge.experiments.sweep.matrix import SweepBackend
from coldforge.experiments.sweep.steps import Facts, Steps
from coldforge.files.digest import sha256_json
from coldforge.files.notes import read_note, write_note
from coldforge.model.runtime import versions
from coldforge.quantize.calibration.find import identify

MADE_BY = "made_by"
"""In a record: the digest of all that decided it."""
PATIENCE = 60.0
"""Seconds to wait for a worker that was given up but has not ended yet."""


@dataclass(frozen=True)
class JobOutcome:
    """The result of a job: a cell for each backend, or one without."""

    cells: list[dict[str, Any]]
    done: list[str] = field(default_factory=list)
    """Steps done now, not in an earlier run."""
    node: str = ""


def run_job(job: Job, steps: Steps | None = None) -> JobOutcome:
    """Do the steps of a job that are missing; errors are reported in its cells, not raised."""
    run = _JobRun(job, steps or Steps())
    try:
        with exclusive(job.place, job.name, PATIENCE):
            cells = run.cells()
    except (ColdforgeError, OSError) as error:
        return failed(job, error)
    return JobOutcome(cells, run.done, socket.gethostname())


def failed(job: Job, error: Exception) -> JobOutcome:
    """Return the outcome of a job that could not begin, or was lost with its worker."""
    why = {"step": "run", **_message(error)}
    return JobOutcome([{**_empty_cell(job, backend), "error": why} for backend in _backends(job)])


class _JobRun:
    """One job in progress."""

    def __init__(self, job: Job, steps: Steps) -> None:
        self.job, self.steps = job, steps
        self.done: list[str] = []
        self.found: dict[str, Facts] = {}
        self.at = ""

    def cells(self) -> list[dict[str, Any]]:
        """Do the steps that all cells share, then those of each cell."""
        failure = self._try(self._shared)
        shared, cells = dict(self.found), []
        for backend in _backends(self.job):
            self.found = dict(shared)
            error = failure
            if backend and not failure:
                error = self._try(partial(self._engine, backend))
            cells.append({**_empty_cell(self.job, backend), **self.found, "error": error})
        return cells

    def _try(self, steps: Callable[[], None]) -> dict[str, str] | None:
        """Do `steps`; return the error and the step it occurred in."""
        try:
            steps()
        except (ColdforgeError, OSError) as error:
            return {"step": self.at, **_message(error)}
        return None

    def _shared(self) -> None:
        job = self.job
        made = self._step(
            "quantize", None, job.made_of(), self._quantise, self._checkpoint_is_current
        )
        config = read_checkpoint(job.checkpoint).config
        decided_by = [FORMAT, made["digest"], config, job.inputs.weights, job.inputs.evaluation]
        self._step("evaluate", None, decided_by, self._evaluate)

    def _engine(self, backend: SweepBackend) -> None:
        job = self.job
        checkpoint = read_checkpoint(job.checkpoint)
        runs_on = {**versions(), **runtimes()}
        built_of = [FORMAT, checkpoint.digest, checkpoint.config, backend.name, runs_on]

        def is_current(note: Facts) -> object:
            return (read_engine(job.engine(backend)).card["digest"]) == note["digest"]

        engine = self._step(
            "engine", backend, built_of, partial(self.steps.build, job, backend), is_current
        )
        timed = [FORMAT, engine["digest"], msgspec.to_builtins(job.bench), runs_on]
        self._step("bench", backend, timed, partial(self.steps.measure, job, backend))

    def _quantise(self) -> Facts:
        job = self.job
        _same(identify(job.calibration.text), job.inputs.calibration, job.calibration.text)
        found = self.steps.quantise(job)
        _same(found["model_digest"], job.inputs.weights, job.source)
        return {name: value for name, value in found.items() if name != "kind"}

    def _evaluate(self) -> Facts:
        job = self.job
        _same(
            job.evaluation.digest(),
            job.inputs.evaluation,
            job.evaluation.text or "Python's library",
        )
        return self.steps.evaluate(job)

    def _checkpoint_is_current(self, note: Facts) -> bool:
        return read_checkpoint(self.job.checkpoint).digest == str(note["digest"])

    def _step(
        self,
        name: str,
        backend: SweepBackend | None,
        decided_by: list[Any],
        work: Callable[[], Facts],
        is_current: Callable[[Facts], object] = bool,
    ) -> Facts:
        """Return a step's record, made now unless an earlier run's result `is_current`."""
        self.at = name
        path, key = self.job.note(name, backend), sha256_json(decided_by)
        note = read_note(path)
        if note.get(MADE_BY) != key or not _is_current(is_current, note):
            note = {**self._do(work, backend), MADE_BY: key}
            write_note(path, note)
            self.done.append(f"{backend.name} {name}" if backend else name)
        self.found[name] = note
        return note

    def _do(self, work: Callable[[], Facts], backend: SweepBackend | None) -> Facts:
        """Do a step; if it fails, remove what an earlier run found for other inputs."""
        try:
            return work()
        except (ColdforgeError, OSError):
            for stale in self.job.from_on(self.at, backend):
                stale.unlink(missing_ok=True)
            raise


def _same(found: str | None, expected: str | None, what: object) -> None:
    """Raise ColdforgeError if a worker reads other data than the machine that made the job."""
    if found != expected:
        raise ColdforgeError(
            f"{what} differs on {socket.gethostname()}, or was changed meanwhile",
            "mount the same folders at the same paths on every worker, then run again",
        )


def _is_current(is_current: Callable[[Facts], object], note: Facts) -> bool:
    try:
        return bool(is_current(note))
    except ColdforgeError:
        return False


def _backends(job: Job) -> list[SweepBackend | None]:
    return list(job.backends) or [None]


def _empty_cell(job: Job, backend: SweepBackend | None) -> dict[str, Any]:
    """Describe a cell of which nothing is done yet."""
    return {
        "model": job.model,
        "method": job.variant.method,
        "name": job.name,
        "parameters": job.settings,
        "backend": backend.name if backend else None,
        "digest": job.cell(backend),
        **dict.fromkeys(("quantize", "evaluate", "engine", "bench", "error")),
    }


def _message(error: Exception) -> dict[str, str]:
    if isinstance(error, ColdforgeError):
        return {"message": error.message, "hint": error.hint}
    return {"message": f"{type(error).__name__}: {error}".splitlines()[0], "hint": ""}
