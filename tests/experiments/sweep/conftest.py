"""Sweeps of models written by hand, by steps that only pretend."""

import hashlib
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.engine.card import write_engine
from coldforge.errors import ColdforgeError
from coldforge.experiments.sweep.job import Job, jobs_of
from coldforge.experiments.sweep.matrix import SweepBackend, read_matrix
from coldforge.experiments.sweep.run_job import JobOutcome, run_job
from coldforge.experiments.sweep.steps import Facts, Steps
from tests.smallmodels import PLAIN, safetensors, write_model

MATRIX = """\
models = ["one", "two"]
methods = ["fp16", {method = "rtn", bits = 8}]
backends = ["onnxruntime"]

[evaluate]
text = "held.txt"
limit = 64
"""


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


@dataclass
class Pretender:
    """Verbs that write small files, count themselves and, if told so, fail or die."""

    calls: "Counter[str]" = field(default_factory=Counter)
    fails: set[str] = field(default_factory=set)
    """Calls that raise a ColdforgeError, such as "quantise one-fp16"."""
    dies: tuple[int, bool] = (0, False)
    """The call that dies, counted from one, and whether its work was done by then."""
    naps: dict[str, float] = field(default_factory=dict)
    """Seconds that a job's first step takes."""

    @property
    def steps(self) -> Steps:
        return Steps(self.quantise, self.judge, self.build, self.measure)

    def quantise(self, job: Job) -> Facts:
        time.sleep(self.naps.get(job.name, 0))
        digest = read_checkpoint(job.source).digest
        self._enter("quantise", job)
        data = hashlib.sha256(f"{digest}{job.settings}{job.calibration}".encode()).digest()
        shutil.rmtree(job.checkpoint, ignore_errors=True)
        job.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        write_model(job.checkpoint, PLAIN)
        (job.checkpoint / "model.safetensors").write_bytes(safetensors(PLAIN, data[0]))
        self._leave()
        made = read_checkpoint(job.checkpoint).digest
        return {"task": "quantize", "digest": made, "model_digest": digest, "kind": "of the card"}

    def judge(self, job: Job) -> Facts:
        self._enter("judge", job)
        self._leave()
        found = int(read_checkpoint(job.checkpoint).digest[:4], 16)
        return {
            "task": "evaluate", "perplexity": found + job.evaluation.limit, "bits_per_weight": 4.0,
            "disk_bytes": 1000, "reference": {"kl": found / 65536},
        }  # fmt: skip

    def build(self, job: Job, backend: SweepBackend) -> Facts:
        self._enter("build", job)
        folder = job.engine(backend)
        folder.mkdir(parents=True, exist_ok=True)
        made = read_checkpoint(job.checkpoint).digest
        (folder / "model.onnx").write_text(made, "utf-8")
        facts = {
            "backend": "onnxruntime", "checkpoint": made, "precision": "int8",
            "task": "engine.build",
        }  # fmt: skip
        self._leave()
        return write_engine(folder, facts)

    def measure(self, job: Job, backend: SweepBackend) -> Facts:
        self._enter("measure", job)
        self._leave()
        row = {"ttft_ms": {"p50": 1.5}, "output_tokens_per_s": 20.0}
        return {"task": "bench", "engines": [{"cells": [row]}]}

    def _enter(self, verb: str, job: Job) -> None:
        self.calls[verb] += 1
        self.calls[f"{verb} {job.name}"] += 1
        self._die(done=False)
        if f"{verb} {job.name}" in self.fails:
            raise ColdforgeError("it would not", "try again")

    def _leave(self) -> None:
        self._die(done=True)

    def _die(self, done: bool) -> None:
        if self.dies == (self.made, done):
            raise Killed

    @property
    def made(self) -> int:
        """Calls so far."""
        return sum(count for verb, count in self.calls.items() if " " not in verb)


@pytest.fixture(autouse=True)
def _no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the disk: a process that is killed loses nothing that it had written."""
    monkeypatch.setattr("coldforge.files.atomic.os.fsync", lambda _: None)


@pytest.fixture
def pretender() -> Pretender:
    return Pretender()


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    """A matrix of two models that differ, two methods and a backend: four jobs of four steps."""
    write_model(tmp_path / "one", PLAIN)
    write_model(tmp_path / "two", PLAIN)
    (tmp_path / "two" / "model.safetensors").write_bytes(safetensors(PLAIN, 7))
    (tmp_path / "held.txt").write_text("To be judged by.", "utf-8")
    path = tmp_path / "matrix.toml"
    path.write_text(MATRIX, "utf-8")
    return path


def jobs_in(matrix: Path, place: Path) -> list[Job]:
    """List the matrix's jobs as a sweep would."""
    asked = read_matrix(matrix)
    weights = {name: read_checkpoint(model).digest for name, model in asked.models.items()}
    return jobs_of(asked, place, weights)


def do(jobs: list[Job], steps: Steps) -> list[JobOutcome]:
    """Do jobs one after another in this very thread."""
    return [run_job(job, steps) for job in jobs]


def said(outcomes: list[JobOutcome]) -> list[dict[str, Any]]:
    """List what outcomes say of their cells."""
    return [cell for outcome in outcomes for cell in outcome.cells]
