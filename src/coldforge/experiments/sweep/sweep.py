"""Run every cell of a matrix of models, methods and backends; killed, the same call continues."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.experiments.survey.eta import span
from coldforge.experiments.survey.report import lay
from coldforge.experiments.sweep.executor import Executor, LocalExecutor
from coldforge.experiments.sweep.job import SWEEP, Job, claim, exclusive, jobs_of
from coldforge.experiments.sweep.matrix import Matrix, read_matrix
from coldforge.experiments.sweep.run_job import JobOutcome, run_job
from coldforge.experiments.sweep.steps import Steps
from coldforge.files.notes import write_note
from coldforge.model.card_facts import circumstances
from coldforge.model.runtime import prepare
from coldforge.progress import amount, say, step
from coldforge.quantize.preflight import check

HEAD = (
    "cell", "on disk", "bits", "perplexity", "KL to the original", "first token",
    "tokens/s",
)  # fmt: skip


def run_sweep(
    matrix: str, out: str, *, at_once: int = 1, ray: str = "", steps: Steps | None = None
) -> dict[str, Any]:
    """Do every cell of a matrix into `out`, on a Ray cluster if `ray` names one, HOST:PORT.

    Cells whose inputs did not change are not repeated. An error is in a cell's `error`; the other
    cells are done nevertheless.
    """
    started, place = time.monotonic(), Path(out).absolute()
    if at_once < 1:
        raise ColdforgeError(f"cannot run {at_once} jobs at a time", "write --jobs 1, or more")
    asked = read_matrix(Path(matrix))
    claim(place)
    prepare()
    with exclusive(place, SWEEP), _executor(ray, place, at_once) as executor:
        jobs = jobs_of(asked, place, _weights(asked))
        outcomes = _all(executor, jobs, steps)
        cells = [cell for outcome in outcomes for cell in outcome.cells]
        result = {"cells": cells, **circumstances("sweep", started)}
        write_note(place / "runs" / "sweep.json", result)
    return result


@contextmanager
def _executor(ray: str, place: Path, at_once: int) -> Iterator[Executor]:
    if not ray:
        yield LocalExecutor(at_once)
        return
    from coldforge.experiments.sweep.ray_executor import connected

    with connected(ray, place) as executor:
        yield executor


def _weights(matrix: Matrix) -> dict[str, str]:
    """Identify the models' weights; raise ColdforgeError for one that cannot be quantised."""
    digests = {}
    with step("Reading the models") as reading:
        for name, folder in matrix.models.items():
            original = read_checkpoint(folder)
            check(original, "float32", "", "", {})
            digests[name] = original.digest
        reading.result = ", ".join(digests)
    return digests


def _all(executor: Executor, jobs: list[Job], steps: Steps | None) -> list[JobOutcome]:
    """Run the jobs; return their outcomes in the jobs' order."""
    ended: dict[int, JobOutcome] = {}
    before = time.monotonic()
    for place, outcome in executor.run(partial(run_job, steps=steps), jobs):
        ended[place] = outcome
        left = (time.monotonic() - before) / len(ended) * (len(jobs) - len(ended))
        tail = f", about {span(left)} left" if len(ended) < len(jobs) else ""
        node = f" on {outcome.node}" if outcome.node else ""
        say(f"[{len(ended)}/{len(jobs)}] {jobs[place].name}{node}: {brief(outcome)}{tail}")
    return [ended[place] for place in sorted(ended)]


def table(result: dict[str, Any]) -> str:
    """Return a line for each cell; of several lengths measured, the first."""
    return "\n".join(lay([HEAD, *map(_row, result["cells"])]))


def brief(outcome: JobOutcome) -> str:
    """Summarise a job in a line."""
    errors = [cell["error"]["message"] for cell in outcome.cells if cell["error"]]
    evaluated = outcome.cells[0]["evaluate"]
    parts = [f"KL {evaluated['reference']['kl']:.6f}"] if evaluated else []
    parts += [f"failed: {message}" for message in dict.fromkeys(errors)]
    if not outcome.done and not errors:
        parts.append("as before")
    return ", ".join(parts)


def failures(result: dict[str, Any]) -> list[str]:
    """Name the cells that failed."""
    return [_title(cell) for cell in result["cells"] if cell["error"]]


def _row(cell: dict[str, Any]) -> tuple[str, ...]:
    if error := cell["error"]:
        return _title(cell), f"failed at {error['step']}: {error['message']}"
    evaluated = cell["evaluate"]
    first = cell["bench"]["engines"][0]["cells"][0] if cell["bench"] else None
    stored = cell["engine"] or evaluated
    return (
        _title(cell),
        amount(stored["disk_bytes"]),
        f"{evaluated['bits_per_weight']:.3f}",
        f"{evaluated['perplexity']:,.3f}",
        f"{evaluated['reference']['kl']:.6f}",
        f"{first['ttft_ms']['p50']:.1f} ms" if first else "",
        f"{first['output_tokens_per_s']:.1f}" if first else "",
    )


def _title(cell: dict[str, Any]) -> str:
    return f"{cell['name']} {cell['backend']}" if cell["backend"] else str(cell["name"])
