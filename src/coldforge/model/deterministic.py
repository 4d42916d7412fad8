"""Threads that never split one sum: results have the same bits on any number of cores.

A sum that a library splits over threads rounds differently with another number of them. So every
operation runs on one thread, and independent pieces of work, cut the same on every machine, run in
parallel.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")


def cores() -> int:
    """Count the threads to use: OMP_NUM_THREADS, else the cores this process may run on."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(asked) if asked.isdigit() else len(os.sched_getaffinity(0)))


class Workers:
    """A pool whose results come in the order of the items."""

    def __init__(self, pool: ThreadPoolExecutor, count: int) -> None:
        """Work in `pool`, which has `count` threads."""
        self._pool, self.count = pool, count

    def map(self, work: Callable[[Item], Done], items: Iterable[Item]) -> list[Done]:
        """Return what `work` makes of each item, in order; the first error is raised."""
        return list(self._pool.map(work, items))


@contextmanager
def workers(count: int | None = None) -> Iterator[Workers]:
    """Yield a pool of `count` threads, all cores by default; each computes without gradients."""
    import torch

    before, number = torch.get_num_threads(), count or cores()
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(number, "worker", initializer=_single)
    try:
        yield Workers(pool, number)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)


def _single() -> None:
    """Compute with one thread and without gradients in this thread."""
    import torch

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
