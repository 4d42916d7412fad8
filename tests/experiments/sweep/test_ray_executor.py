"""What our side of a Ray cluster does; the cluster itself is met in tests/e2e."""

import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.experiments.sweep.executor import Work
from coldforge.experiments.sweep.ray_executor import NONCE, RayExecutor, connected
from coldforge.experiments.sweep.run_job import run_job
from coldforge.model.runtime import versions
from tests.experiments.sweep.conftest import Pretender, do, jobs_in, said


class LostError(Exception):
    """Stands for Ray's own errors."""


class Cluster:
    """Stands for the module ray: calls are done when they are asked for, the last one first."""

    exceptions = SimpleNamespace(RayError=LostError)
    util = SimpleNamespace(
        scheduling_strategies=SimpleNamespace(
            NodeAffinitySchedulingStrategy=lambda node, soft: (node, soft)
        )
    )

    def __init__(self, **cpus: float) -> None:
        self.cpus = cpus

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {"NodeID": name, "Alive": True, "Resources": {"CPU": count} if count else {}}
            for name, count in self.cpus.items()
        ]

    def remote(self, **_: Any) -> Callable[[Callable[..., Any]], Any]:
        def wrap(work: Callable[..., Any]) -> Any:
            found = SimpleNamespace(remote=lambda *given: lambda: work(*given))
            found.options = lambda **_: found
            return found

        return wrap

    def wait(self, waiting: list[Any], num_returns: int) -> tuple[list[Any], list[Any]]:
        return waiting[-num_returns:], waiting[:-num_returns]

    def get(self, asked: Any) -> Any:
        return [one() for one in asked] if isinstance(asked, list) else asked()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A sweep's folder that this very machine shares with itself."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / NONCE).write_text("known", "ascii")
    return folder


def test_whatever_comes_back_first_the_same_comes_out(
    matrix: Path, tmp_path: Path, place: Path
) -> None:
    expected = said(do(jobs_in(matrix, tmp_path / "here"), Pretender().steps))
    jobs = jobs_in(matrix, place)
    came = list(RayExecutor(Cluster(), place, "known").run(pretending(), jobs))
    assert [at for at, _ in came] == [3, 2, 1, 0]
    assert said([outcome for _, outcome in reversed(came)]) == expected


def test_a_worker_that_sees_another_folder_is_named(matrix: Path, place: Path) -> None:
    for nonce in ("other", ""):
        (place / NONCE).write_text(nonce, "ascii")
        came = list(
            RayExecutor(Cluster(), place, "known").run(pretending(), jobs_in(matrix, place))
        )
        errors = [cell["error"] for cell in said([outcome for _, outcome in came])]
        assert all("does not see the sweep's folder" in error["message"] for error in errors)
        assert all(f"-v {place}:{place}" in error["hint"] for error in errors)
        with pytest.raises(ColdforgeError, match=r"^node .* does not see the sweep's folder"):
            RayExecutor(Cluster(worker=1), place, "known").check()


def test_a_worker_of_other_versions_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executor = RayExecutor(Cluster(worker=1), place, "known")
    executor.check()
    ours = iter([{**versions(), "python": "3.99.0"}])
    theirs = versions()
    monkeypatch.setattr(
        "coldforge.experiments.sweep.ray_executor.versions", lambda: next(ours, theirs)
    )
    with pytest.raises(
        ColdforgeError, match=f"has python {theirs['python']}, this machine has other versions"
    ):
        executor.check()


def test_a_cluster_without_processors_is_refused_before_it_waits_for_ever(place: Path) -> None:
    with pytest.raises(ColdforgeError, match="no worker with a processor"):
        RayExecutor(Cluster(head=0), place, "known").check()


def test_a_job_lost_with_its_worker_is_failed_and_the_others_are_not(
    matrix: Path, place: Path
) -> None:
    def work(job: Any) -> Any:
        if job.name == "one-fp16":
            raise LostError("The worker died unexpectedly\nand more")
        return run_job(job, Pretender().steps)

    came = dict(RayExecutor(Cluster(), place, "known").run(work, jobs_in(matrix, place)))
    (lost,) = came[0].cells
    assert (
        lost["error"]["message"] == "lost with its worker, LostError: The worker died unexpectedly"
    )
    assert "continues" in lost["error"]["hint"]
    assert not any(cell["error"] for cell in said([came[1], came[2], came[3]]))


def test_where_ray_is_not_installed_that_is_said(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with socket.create_server(("127.0.0.1", 0)) as head, ExitStack() as joined:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        with pytest.raises(ColdforgeError, match="Ray is not installed"):
            joined.enter_context(connected(address, place))


def pretending() -> Work:
    return lambda job: run_job(job, Pretender().steps)
