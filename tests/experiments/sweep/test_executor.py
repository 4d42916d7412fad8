"""Whoever does the jobs, and in whatever order, the same comes out."""

import time
from pathlib import Path

from coldforge.experiments.sweep.executor import LocalExecutor
from coldforge.experiments.sweep.job import Job
from coldforge.experiments.sweep.run_job import JobOutcome, run_job
from tests.experiments.sweep.conftest import Pretender, do, jobs_in, said


def test_jobs_at_once_give_what_jobs_in_order_give(matrix: Path, tmp_path: Path) -> None:
    expected = said(do(jobs_in(matrix, tmp_path / "one by one"), Pretender().steps))
    slow_first = Pretender(naps={"one-fp16": 0.2, "one-rtn-bits8": 0.1})
    jobs = jobs_in(matrix, tmp_path / "at once")
    came = list(LocalExecutor(4).run(lambda job: run_job(job, slow_first.steps), jobs))
    assert [place for place, _ in came] != sorted(place for place, _ in came)
    assert said([outcome for _, outcome in sorted(came, key=lambda item: item[0])]) == expected


def test_one_at_a_time_keeps_the_order(matrix: Path, tmp_path: Path) -> None:
    jobs = jobs_in(matrix, tmp_path)
    came = list(LocalExecutor().run(lambda job: run_job(job, Pretender().steps), jobs))
    assert [place for place, _ in came] == list(range(len(jobs)))


def test_a_job_that_breaks_is_failed_and_the_others_go_on(matrix: Path, tmp_path: Path) -> None:
    def work(job: Job) -> JobOutcome:
        if job.name == "one-fp16":
            raise ValueError("nobody foresaw this\nor this")
        return run_job(job, Pretender().steps)

    first, *others = said(
        [outcome for _, outcome in LocalExecutor().run(work, jobs_in(matrix, tmp_path))]
    )
    assert first["error"] == {
        "step": "run", "message": "ValueError: nobody foresaw this", "hint": "",
    }  # fmt: skip
    assert not any(cell["error"] for cell in others)


def test_an_interrupted_sweep_does_not_wait_for_its_threads(matrix: Path, tmp_path: Path) -> None:
    def work(job: Job) -> JobOutcome:
        time.sleep(0 if job.name == "one-fp16" else 30)
        return run_job(job, Pretender().steps)

    started = time.monotonic()
    next(LocalExecutor(2).run(work, jobs_in(matrix, tmp_path)))
    assert time.monotonic() - started < 10
