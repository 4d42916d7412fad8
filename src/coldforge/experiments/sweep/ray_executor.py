"""Run jobs on a Ray cluster; all its nodes share the sweep's folder."""

import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.experiments.sweep.executor import Work
from coldforge.experiments.sweep.job import Job
from coldforge.experiments.sweep.ray_node import joined, own_address
from coldforge.experiments.sweep.run_job import JobOutcome, failed
from coldforge.files.atomic import write_file
from coldforge.model.runtime import versions
from coldforge.progress import say

NONCE = ".shared"
"""A file in the sweep's folder that shows a worker that it has the same folder."""
RETRIES = 3
"""Times that Ray repeats a job whose worker died; finished steps are not repeated."""


class RayExecutor:
    """A cluster's workers, one processor a job."""

    def __init__(self, ray: Any, place: Path, nonce: str) -> None:  # noqa: ANN401 - the module
        """Use a connection made by `connected`."""
        self.ray, self.place, self.nonce = ray, place, nonce

    def run(self, work: Work, jobs: Sequence[Job]) -> Iterator[tuple[int, JobOutcome]]:
        """Submit all jobs to the cluster; yield the outcomes."""
        remote = self.ray.remote(num_cpus=1, max_retries=RETRIES)(_do)
        waiting = {
            remote.remote(work, job, self.nonce, versions()): place
            for place, job in enumerate(jobs)
        }
        while waiting:
            (ended,), _ = self.ray.wait(list(waiting), num_returns=1)
            place = waiting.pop(ended)
            yield place, self._outcome(ended, jobs[place])

    def _outcome(self, ended: Any, job: Job) -> JobOutcome:  # noqa: ANN401 - an object reference
        try:
            outcome: JobOutcome = self.ray.get(ended)
        except self.ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)
            return failed(job, cause if isinstance(cause, ColdforgeError) else _lost(error))
        return outcome

    def check(self) -> None:
        """Raise ColdforgeError unless there are workers, all with our versions and the folder."""
        strategy = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        nodes = [node for node in self.ray.nodes() if node["Alive"] and _lends(node)]
        if not nodes:
            raise ColdforgeError(
                "the cluster has no worker with a processor",
                "start one with --num-cpus=1: sweep --help says how",
            )
        remote = self.ray.remote(num_cpus=0, max_retries=RETRIES)(_fits)
        asked = [
            remote.options(scheduling_strategy=strategy(node["NodeID"], soft=False)).remote(
                str(self.place), self.nonce, versions()
            )
            for node in nodes
        ]
        for wrong in filter(None, self.ray.get(asked)):
            raise ColdforgeError(*wrong)
        say(f"{len(nodes)} Ray nodes see {self.place}")


@contextmanager
def connected(address: str, place: Path) -> Iterator[RayExecutor]:
    """Join the cluster at `address`, with a sweep's folder that exists; leave it at the end.

    Raise ColdforgeError if it cannot be reached, has no workers, or one lacks the folder.
    """
    own = own_address(address)
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise ColdforgeError(
            "Ray is not installed here", "run this from the host: it starts the image that has it"
        ) from error
    nonce = secrets.token_hex(16)
    with joined(address, own):
        write_file(place / NONCE, nonce.encode())
        try:
            ray.init(
                address=address, _node_ip_address=own, log_to_driver=False, logging_level="ERROR",
                configure_logging=False, namespace="coldforge",
            )  # fmt: skip
            executor = RayExecutor(ray, place, nonce)
            executor.check()
            yield executor
        finally:
            ray.shutdown()
            (place / NONCE).unlink(missing_ok=True)


def _do(work: Work, job: Job, nonce: str, theirs: dict[str, str]) -> JobOutcome:
    """Run a job on a worker if the worker fits."""
    if wrong := _fits(str(job.place), nonce, theirs):
        return failed(job, ColdforgeError(*wrong))
    return work(job)


def _fits(place: str, nonce: str, theirs: dict[str, str]) -> tuple[str, str] | None:
    """Return what is wrong with this worker, and what to do; None if it fits."""
    node = f"node {socket.gethostname()}"
    try:
        found = (Path(place) / NONCE).read_text("ascii")
    except OSError:
        found = ""
    if found != nonce:
        return (f"{node} does not see the sweep's folder {place}",
                f"mount the same folder there: docker run -v {place}:{place} …")  # fmt: skip
    differing = [name for name, item in versions().items() if theirs.get(name) != item]
    if differing:
        here = ", ".join(f"{name} {versions()[name]}" for name in differing)
        return f"{node} has {here}, this machine has other versions", "start it from the same image"
    return None


def _lends(node: dict[str, Any]) -> bool:
    return bool(node["Resources"].get("CPU", 0) >= 1)


def _lost(error: Exception) -> ColdforgeError:
    first = (str(error).splitlines() or [""])[0]
    return ColdforgeError(
        f"lost with its worker, {type(error).__name__}: {first}",
        "the same command continues where it stopped",
    )
