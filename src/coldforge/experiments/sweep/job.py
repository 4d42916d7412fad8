"""A job: one model by one method, judged, and the engines made of it; what a worker does at once.

Cells that share a checkpoint are one job, so no two workers ever make the same one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from coldforge.experiments.survey.judging import EvaluationProtocol
from coldforge.experiments.sweep.matrix import Backend, Benching, Calibrating, Matrix
from coldforge.files.digest import sha256_json
from coldforge.model.runtime import versions
from coldforge.quantize.calibration.find import identify
from coldforge.quantize.methods.method import Variant

FORMAT = 1
"""Raised when the same cell would give other numbers than before."""


@dataclass(frozen=True)
class InputDigests:
    """Digests of what a job reads, taken once by who hands jobs out."""

    weights: str
    """Of the original."""
    drawn: str | None
    """Of the calibration's text or set; None for the default one."""
    judged: str
    """Of the text, the windows and the libraries that judge."""


@dataclass(frozen=True)
class Job:
    """What to do, and where; every path absolute and the same on every machine."""

    place: Path
    """The sweep's folder."""
    model: str
    source: Path
    variant: Variant
    backends: tuple[Backend, ...]
    calibration: Calibrating
    judging: EvaluationProtocol
    bench: Benching
    seen: InputDigests

    @property
    def name(self) -> str:
        """Name it for people, folders and files."""
        return f"{self.model}-{self.variant.name}"

    @property
    def checkpoint(self) -> Path:
        """Where its checkpoint lies."""
        return self.place / "checkpoints" / self.name

    def engine(self, backend: Backend) -> Path:
        """Where an engine of it lies."""
        return self.place / "engines" / f"{self.name}-{backend.name}"

    def note(self, step: str, backend: Backend | None = None) -> Path:
        """Where the result of a step lies, for `report` too."""
        middle = f"-{backend.name}" if backend else ""
        return self.place / "runs" / f"{self.name}{middle}-{step}.json"

    def from_on(self, step: str, backend: Backend | None) -> list[Path]:
        """List the notes of a step and of all that build on it."""
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
            drawn = [asked.samples, asked.length, asked.seed, self.seen.drawn]
        how = [FORMAT, SOLVER, versions(), self.variant.method, self.settings, drawn]
        return [*how, self.seen.weights]

    def cell(self, backend: Backend | None) -> str:
        """Identify one of its cells by all that went in; hex sha256."""
        tail = [backend.name, msgspec.to_builtins(self.bench)] if backend else []
        return sha256_json([*self.made_of(), self.seen.judged, *tail])


def jobs_of(matrix: Matrix, place: Path, weights: dict[str, str]) -> list[Job]:
    """List a matrix's jobs, model by model; `weights` are the digests of the models' weights."""
    drawn, judged = identify(matrix.calibration.text), matrix.judging.digest()
    return [
        Job(place, name, source, variant, tuple(matrix.backends), matrix.calibration,
            matrix.judging, matrix.bench, InputDigests(weights[name], drawn, judged))
        for name, source in matrix.models.items()
        for variant in matrix.variants
    ]  # fmt: skip
