"""The four steps of a sweep, each in a process of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coldforge.experiments.survey.subprocess import run_in_subprocess
from coldforge.experiments.sweep.job import Job
from coldforge.experiments.sweep.matrix import SweepBackend

Facts = dict[str, Any]


def quantise(job: Job) -> Facts:
    """Make the job's checkpoint."""
    from coldforge.quantize.quantize import run_quantize

    drawn = job.calibration
    return run_in_subprocess(
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


def evaluate(job: Job) -> Facts:
    """Evaluate the checkpoint against its original."""
    from coldforge.evaluate.evaluate import run_evaluate

    how = job.evaluation
    asked = (how.text or None, how.window, how.limit)
    return run_in_subprocess(run_evaluate, str(job.checkpoint), str(job.source), *asked).value


def build(job: Job, backend: SweepBackend) -> Facts:
    """Build an engine of the checkpoint."""
    from coldforge.engine.commands.build import run_build

    out = str(job.engine(backend))
    return run_in_subprocess(
        run_build, str(job.checkpoint), out, backend.backend, **backend.options()
    ).value


def measure(job: Job, backend: SweepBackend) -> Facts:
    """Measure the engine's speed and memory."""
    from coldforge.engine.commands.bench import run_bench

    return run_bench([str(job.engine(backend))], job.bench.asked())


@dataclass(frozen=True)
class Steps:
    """The four steps; tests replace them."""

    quantise: Callable[[Job], Facts] = quantise
    evaluate: Callable[[Job], Facts] = evaluate
    build: Callable[[Job, SweepBackend], Facts] = build
    measure: Callable[[Job, SweepBackend], Facts] = measure
