"""Where jobs run: on this machine or on a cluster, by the same function."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Protocol

from coldforge.experiments.sweep.job import Job
from coldforge.experiments.sweep.run_job import JobOutcome, failed

Work = Callable[[Job], JobOutcome]


class Executor(Protocol):
    """Runs jobs and yields the outcome of each as it ends."""

    def run(self, work: Work, jobs: Sequence[Job]) -> Iterator[tuple[int, JobOutcome]]:
        """Yield each job's index in `jobs` and its outcome; a lost job counts as failed."""


class LocalExecutor:
    """The local machine: several jobs at a time, every heavy step in a process of its own."""

    def __init__(self, at_once: int = 1) -> None:
        """Run `at_once` jobs at a time; jobs that measure times disturb each other."""
        self.at_once = at_once

    def run(self, work: Work, jobs: Sequence[Job]) -> Iterator[tuple[int, JobOutcome]]:
        """Run the jobs in order; the threads end with the process."""
        waiting, ended = deque(enumerate(jobs)), SimpleQueue[tuple[int, JobOutcome]]()
        for _ in range(min(self.at_once, len(jobs))):
            Thread(target=_take, args=(work, waiting, ended), daemon=True).start()
        for _ in jobs:
            yield ended.get()


def _take(
    work: Work, waiting: "deque[tuple[int, Job]]", ended: "SimpleQueue[tuple[int, JobOutcome]]"
) -> None:
    while waiting:
        try:
            place, job = waiting.popleft()
        except IndexError:  # another thread took the last one
            return
        try:
            outcome = work(job)
        except Exception as error:  # noqa: BLE001 - one lost job must not stop the others
            outcome = failed(job, error)
        ended.put((place, outcome))
