"""Generations in a real Docker Engine, through the command line."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coldforge.deploy.generations import generation_name, numbers, remove_old, rollback
from coldforge.deploy.image import StoredImage
from coldforge.deploy.install import from_layout, install
from coldforge.image.containers.docker_engine import image_name
from coldforge.image.oci.layout import Layout
from coldforge.paths import Workspace
from tests.integration.installed import remove_tags, small_image

pytestmark = pytest.mark.engine

CHECKOUT = Workspace(Path(__file__).resolve().parents[2])
SIZE = 100_000  # bytes of a layer
Make = Callable[[], StoredImage]


@pytest.fixture
def stack(engine: Any) -> Iterator[str]:
    """A stack name that no other test uses."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield name
    remove_tags(engine, name)


@pytest.fixture
def make(workspace: Workspace, stack: str) -> Make:
    """Make new images of the stack in a checkout's layout."""
    return lambda: small_image(Layout(workspace.build / "oci"), stack, SIZE, SIZE)


@pytest.fixture
def invoke(workspace: Workspace) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run a task of this checkout in the small workspace."""

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {"COLDFORGE_ROOT": str(workspace.root)}
        command = [sys.executable, "-m", "invoke", "--search-root", str(CHECKOUT.root), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    return run


def latest(engine: Any, stack: str) -> str:
    return str(engine.api.inspect_image(image_name(stack))["Id"])


def test_install_rollback_and_install_again(
    engine: Any, make: Make, stack: str, invoke: Any
) -> None:
    first = make()
    done = json.loads(invoke("image.install", "--stack", stack, "--json").stdout)
    assert done == {
        "stack": stack,
        "digest": first.manifest.digest,
        "state": "installed",
        "generation": 1,
        "removed": [],
    }
    assert latest(engine, stack) in first.ids
    second = make()
    assert "installed as generation 2" in invoke("image.install", "--stack", stack).stdout
    assert latest(engine, stack) in second.ids
    assert "generation 1 is in use, 2 was" in invoke("image.rollback", "--stack", stack).stdout
    assert latest(engine, stack) in first.ids
    failed = invoke("image.rollback", "--stack", stack)
    assert failed.returncode == 1
    assert "no generation before 1" in failed.stderr
    assert "installed as generation 3" in invoke("image.install", "--stack", stack).stdout
    assert latest(engine, stack) in second.ids


def test_installing_an_installed_image_is_quick(make: Make, stack: str, invoke: Any) -> None:
    make()
    invoke("image.install", "--stack", stack)
    started = time.monotonic()
    done = invoke("image.install", "--stack", stack)
    assert "already installed as generation 1" in done.stdout
    assert time.monotonic() - started < 2.0


def test_without_a_quorum_nothing_is_installed(
    engine: Any, make: Make, stack: str, invoke: Any
) -> None:
    make()
    failed = invoke("image.install", "--stack", stack, "--quorum", "2")
    assert failed.returncode == 3
    assert "trusts no key yet" in failed.stderr
    assert not [name for image in engine.api.images() for name in image["RepoTags"] or []
                if stack in name]  # fmt: skip


def test_a_fleet_reports_an_outcome_for_each_host(
    make: Make, stack: str, invoke: Any, tmp_path: Path, engine: Any
) -> None:
    make()
    here = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{here}  # this one\nunix://{tmp_path}/none.sock\n")
    done = invoke("image.install", "--stack", stack, "--hosts", str(hosts), "--json")
    assert done.returncode == 1
    good, bad = json.loads(done.stdout)["hosts"]
    assert (good["host"], good["state"], good["generation"]) == (here, "installed", 1)
    assert (bad["state"], "No such file" in bad["why"]) == ("failed", True)
    hosts.write_text(here)
    again = invoke("image.install", "--stack", stack, "--hosts", str(hosts))
    assert (again.returncode, "already" in again.stdout) == (0, True)


def test_a_generation_that_a_container_uses_is_kept(engine: Any, make: Make, stack: str) -> None:
    install(engine, make(), 1, from_layout)
    container = engine.containers.create(generation_name(stack, 1))
    try:
        install(engine, make(), 1, from_layout)
        assert install(engine, make(), 1, from_layout).removed == [2]
        shown = [n for image in engine.api.images() for n in image["RepoTags"] or []]
        assert numbers(shown, stack) == [1, 3]
    finally:
        container.remove()
    assert remove_old(engine, stack, 1) == [1]


def test_only_layers_that_docker_engine_lacks_are_sent(
    engine: Any, workspace: Workspace, make: Make, stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    real = engine.api.load_image

    def counted(data: Iterator[bytes], quiet: bool) -> Any:
        chunks = list(data)
        sent.append(sum(map(len, chunks)))
        return real(iter(chunks), quiet=quiet)

    monkeypatch.setattr(engine.api, "load_image", counted)
    first = make()
    install(engine, first, 3, from_layout)
    install(engine, make(), 3, from_layout)
    rollback(engine, stack)
    install(engine, first, 3, from_layout)
    assert len(sent) == 2
