"""A sweep's folder, and its jobs: a variant, its evaluation and its engines, done by one worker.

Cells that share a checkpoint are one job, so two workers never make the same one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from coldforge.errors import ColdforgeError
from coldforge.experiments.survey.evaluation import EvaluationProtocol
from coldforge.experiments.sweep.matrix import Benching, Calibrating, Matrix, SweepBackend
from coldforge.files.atomic import part_of
from coldforge.files.digest import sha256_json
from coldforge.files.lock import locked
from coldforge.files.notes import write_note
from coldforge.files.output import CARD, read_card, refuse_foreign
from coldforge.model.runtime import versions
from coldforge.quantize.calibration.find import identify
from coldforge.quantize.methods.method import Variant

SWEEP = "sweep"

FORMAT = 1
"""Raised when the same cell would give other numbers than before."""


def claim(place: Path) -> None:
    """Create a sweep's folder; raise ColdforgeError if it holds something else."""
    part_of(place / CARD).unlink(missing_ok=True)  # of a run that was killed at this very place
    refuse_foreign(place, SWEEP)
    if read_card(place).get("kind") != SWEEP:
        write_note(place / CARD, {"kind": SWEEP})


@contextmanager
def exclusive(place: Path, name: str, patience: float = 0.0) -> Iterator[None]:
    """Lock a name within a sweep's folder; the lock ends with the process.

    Raise ColdforgeError if another process still has it after `patience` seconds.
    """
    busy = ColdforgeError(
        f"another run works on {name}", "wait for it, or stop it: docker ps shows it"
    )
    with locked(place / ".locks" / name, busy=busy, patience=patience):
        yield


@dataclass(frozen=True)
class InputDigests:
    """Digests of what a job reads, computed once where jobs are made."""

    weights: str
    """Of the original."""
    calibration: str | None
    """Of the calibration text or set; None for the default corpus."""
    evaluation: str
    """Of the text, the windows and the libraries that compute."""


@dataclass(frozen=True)
class Job:
    """What to do, and where; all paths are absolute and the same on every machine."""

    place: Path
    """The sweep's folder."""
    model: str
    source: Path
    variant: Variant
    backends: tuple[SweepBackend, ...]
    calibration: Calibrating
    evaluation: EvaluationProtocol
    bench: Benching
    inputs: InputDigests

    @property
    def name(self) -> str:
        """Return its name, for people, folders and files."""
        return f"{self.model}-{self.variant.name}"

    @property
    def checkpoint(self) -> Path:
        """Return the folder of its checkpoint."""
        return self.place / "checkpoints" / self.name

    def engine(self, backend: SweepBackend) -> Path:
        """Return the folder of one of its engines."""
        return self.place / "engines" / f"{self.name}-{backend.name}"

    def note(self, step: str, backend: SweepBackend | None = None) -> Path:
        """Return the file of a step's result, which `report` reads too."""
        middle = f"-{backend.name}" if backend else ""
        return self.place / "runs" / f"{self.name}{middle}-{step}.json"

    def from_on(self, step: str, backend: SweepBackend | None) -> list[Path]:
        """List the results of a step and of all that depend on it."""
        if step == "quantize":
            engines = [item for each in self.backends for item in self.from_on("engine", each)]
            return [self.note(step), self.note("evaluate"), *engines]
        later = ["bench"] if step == "engine" else []
        return [self.note(name, backend) for name in (step, *later)]

    @property
    def settings(self) -> dict[str, Any]:
        """Fill in the method's defaults."""
        from coldforge.quantize.registry import settings_of

        settings = settings_of(self.variant.method, self.variant.asked)
        return {**settings, "prune": self.variant.prune}

    def made_of(self) -> list[Any]:
        """List all that decides the checkpoint's bytes, without drawing the calibration."""
        from coldforge.quantize.quantize import SOLVER
        from coldforge.quantize.registry import find_method

        drawn = None
        if find_method(self.variant.method).calibrated:
            asked = self.calibration
            drawn = [asked.samples, asked.length, asked.seed, self.inputs.calibration]
        how = [FORMAT, SOLVER, versions(), self.variant.method, self.settings, drawn]
        return [*how, self.inputs.weights]

    def cell(self, backend: SweepBackend | None) -> str:
        """Identify one of its cells by all its inputs; hex sha256."""
        tail = [backend.name, msgspec.to_builtins(self.bench)] if backend else []
        return sha256_json([*self.made_of(), self.inputs.evaluation, *tail])


def jobs_of(matrix: Matrix, place: Path, weights: dict[str, str]) -> list[Job]:
    """List a matrix's jobs, model by model; `weights` are the digests of the models' weights."""
    calibration, evaluation = identify(matrix.calibration.text), matrix.evaluation.digest()
    return [
        Job(place, name, source, variant, tuple(matrix.backends), matrix.calibration,
            matrix.evaluation, matrix.bench,
            InputDigests(weights[name], calibration, evaluation))
        for name, source in matrix.models.items()
        for variant in matrix.variants
    ]  # fmt: skip
