"""What a sweep does with a model: four verbs, each in a process of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coldforge.experiments.survey.subprocess import alone
from coldforge.experiments.sweep.job import Job
from coldforge.experiments.sweep.matrix import Backend

Found = dict[str, Any]


def quantise(job: Job) -> Found:
    """Make the job's checkpoint."""
    from coldforge.quantize.quantize import run_quantize

    drawn = job.calibration
    return alone(
        run_quantize,
        str(job.source),
        str(job.checkpoint),
        method=job.variant.method,
        asked=dict(job.variant.asked),
        calibration=drawn.text or None,
        samples=drawn.samples,
        length=drawn.length,
        seed=drawn.seed,
        prune=job.variant.prune,
    ).value


def judge(job: Job) -> Found:
    """Judge the checkpoint beside its original."""
    from coldforge.evaluate.evaluate import run_evaluate

    how = job.judging
    asked = (how.text or None, how.window, how.limit)
    return alone(run_evaluate, str(job.checkpoint), str(job.source), *asked).value


def build(job: Job, backend: Backend) -> Found:
    """Build an engine of the checkpoint."""
    from coldforge.engine.commands.build import run_build

    out = str(job.engine(backend))
    return alone(run_build, str(job.checkpoint), out, backend.activations).value


def measure(job: Job, backend: Backend) -> Found:
    """Measure how fast the engine is, and what it holds in memory."""
    from coldforge.engine.commands.bench import run_bench

    return run_bench([str(job.engine(backend))], job.bench.asked())


@dataclass(frozen=True)
class Verbs:
    """The four; tests bring their own."""

    quantise: Callable[[Job], Found] = quantise
    judge: Callable[[Job], Found] = judge
    build: Callable[[Job, Backend], Found] = build
    measure: Callable[[Job, Backend], Found] = measure
