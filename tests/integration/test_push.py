"""Push to a real registry: interrupted, resumed, and pulled from there by Docker Engine."""

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from coldforge.deploy.generations import numbers
from coldforge.deploy.image import StoredImage
from coldforge.deploy.install import FromRegistry, install
from coldforge.deploy.push import push
from coldforge.deploy.target import parse_target
from coldforge.image.containers.docker_engine import image_name
from coldforge.image.oci.layout import Layout
from tests.integration import test_registry
from tests.integration.counting import Counter, counting
from tests.integration.installed import remove_tags, small_image

pytestmark = pytest.mark.engine

program, registry = test_registry.program, test_registry.registry
LAYER = 6_000_000  # bytes
LAYERS = 6
PUSH = """\
import sys
from pathlib import Path
from coldforge.deploy import upload
from coldforge.deploy.image import find_image
from coldforge.deploy.push import push
from coldforge.deploy.target import parse_target
from coldforge.image.oci.layout import Layout
upload.PIECE = 1 << 20
layout, stack, target, notes = sys.argv[1:]
push(find_image(Layout(Path(layout)), stack), parse_target(target), Path(notes))
"""


@pytest.fixture
def counter(registry: tuple[str, Any]) -> Iterator[Counter]:
    """Count the bytes sent to the registry."""
    with counting(registry[0]) as counter:
        yield counter


@pytest.fixture
def image(tmp_path: Path) -> StoredImage:
    stack = f"test-{uuid.uuid4().hex[:8]}"
    return small_image(Layout(tmp_path / "oci"), stack, *[LAYER] * LAYERS)


def size_of(image: StoredImage) -> int:
    return sum(part["size"] for part in [image.document["config"], *image.document["layers"]])


def push_and_signal(
    image: StoredImage, counter: Counter, notes: Path, number: signal.Signals
) -> None:
    """Push in a process, and send it a signal when half of the bytes are sent."""
    arguments = [str(image.layout.root), image.stack, f"{counter.host}/team/demo", str(notes)]
    process = subprocess.Popen(
        [sys.executable, "-c", PUSH, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )

    def interrupt(count: int) -> None:
        if count > size_of(image) / 2:
            counter.on_count = lambda _: None
            process.send_signal(number)

    counter.on_count = interrupt
    said, _ = process.communicate(timeout=60)
    assert process.returncode, said


def registry_digest(host: str, tag: str = "latest") -> str:
    """Ask the registry for a tag's digest."""
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    answer = httpx.head(f"http://{host}/v2/team/demo/manifests/{tag}", headers=accept)
    return str(answer.headers.get("docker-content-digest", ""))


def test_an_interrupted_push_continues_where_it_stopped(
    image: StoredImage, counter: Counter, tmp_path: Path
) -> None:
    push_and_signal(image, counter, tmp_path / "push", signal.SIGTERM)
    assert not registry_digest(counter.host)
    done = push(image, parse_target(f"{counter.host}/team/demo"), tmp_path / "push")
    assert registry_digest(counter.host) == image.manifest.digest
    assert done.size < 0.6 * size_of(image)
    assert counter.count < 1.01 * size_of(image)


def test_a_killed_push_sends_no_finished_blob_again(
    image: StoredImage, counter: Counter, tmp_path: Path
) -> None:
    push_and_signal(image, counter, tmp_path / "push", signal.SIGKILL)
    assert not registry_digest(counter.host)
    push(image, parse_target(f"{counter.host}/team/demo"), tmp_path / "push")
    assert registry_digest(counter.host) == image.manifest.digest
    # Docker's registry forgets an upload whose last piece got no answer: three were under way.
    assert counter.count < 1.01 * (size_of(image) + 3 * LAYER)


def test_a_push_waits_for_a_registry_that_restarts(
    image: StoredImage, counter: Counter, registry: tuple[str, Any], program: str, tmp_path: Path
) -> None:
    def restart(count: int) -> None:
        if count > size_of(image) / 3:
            counter.on_count = lambda _: None
            registry[1].kill()
            registry[1].wait()
            command = [program, "serve", str(tmp_path / "registry.yml")]
            again.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))

    again: list[subprocess.Popen[bytes]] = []
    counter.on_count = restart
    try:
        push(image, parse_target(f"{counter.host}/team/demo"), tmp_path / "push")
        assert registry_digest(counter.host) == image.manifest.digest
    finally:
        for process in again:
            process.kill()
            process.wait()


def test_docker_engine_pulls_a_pushed_image_by_digest(
    image: StoredImage, registry: tuple[str, Any], engine: Any, tmp_path: Path
) -> None:
    target = parse_target(f"{registry[0]}/team/demo:1")
    push(image, target, tmp_path / "push")
    try:
        assert install(engine, image, 3, FromRegistry(target)).new
        shown = engine.api.inspect_image(image_name(image.stack))
        assert shown["Id"] in image.ids
        assert shown["RootFS"]["Layers"] == image.layers
        assert numbers(shown["RepoTags"], image.stack) == [1]
        assert shown["RepoDigests"] == []
    finally:
        remove_tags(engine, image.stack)


def test_skopeo_sees_our_digest_and_the_evidence(
    image: StoredImage, registry: tuple[str, Any], tmp_path: Path
) -> None:
    skopeo = shutil.which("skopeo")
    if not skopeo:
        pytest.skip("needs skopeo: apt-get install skopeo")
    evidence = image.layout.refer(image.manifest, "text/plain", "text/plain", b"evidence")
    push(image, parse_target(f"{registry[0]}/team/demo:1"), tmp_path / "push")

    def inspect(*words: str, tag: str = "1") -> str:
        reference = f"docker://{registry[0]}/team/demo:{tag}"
        command = [skopeo, "inspect", "--tls-verify=false", *words, reference]
        environment = {**os.environ, "HOME": str(tmp_path)}
        return subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment
        ).stdout

    assert inspect("--format", "{{.Digest}}").strip() == image.manifest.digest
    listed = json.loads(inspect("--raw", tag=image.manifest.digest.replace(":", "-")))
    assert [entry["digest"] for entry in listed["manifests"]] == [evidence.digest]
