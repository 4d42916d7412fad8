"""A base image by digest from a real registry: Debian's docker-registry, run on loopback."""

import json
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from coldforge.image.build.build import build, build_context, deliver
from coldforge.image.build.builder import BuiltImage
from coldforge.image.containers.docker_engine import image_name, remove_image
from coldforge.image.filesystem.deb import payload
from coldforge.image.filesystem.tree import Tree, is_excluded, read_tree
from coldforge.image.oci.layout import Layout
from coldforge.mirror.fetch import fetch
from coldforge.mirror.origins.origin import locators
from coldforge.mirror.resolve import resolve
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import write_lock
from coldforge.stack.stack import Stack, read_stack

pytestmark = pytest.mark.engine

REPOSITORY = "team/base"
CONFIG = {"version": 0.1, "log": {"level": "error"}}
STACK = """\
summary = "A script above a base image"
epoch = 1735689600
layers = ["debian", "extra"]
"""
BASE = 'summary = "Base image"\n[inputs]\nimage = "{}"\n[env]\nPATH = "/usr/bin"\n'
EXTRA = 'summary = "Script"\nscript = "build.sh"\ncheck = "check.sh"\n'
SCRIPT = "#!/bin/sh\nset -eu\ncat /etc/note > /etc/seen\n"
CHECK = '#!/bin/sh\nset -eu\ntest "$(cat /etc/seen)" = kept\ntest ! -e /usr/share/doc/bash\n'
# A second layer as Docker Engine writes it: whiteouts, an opaque folder, hard links, a new link.
CHANGE = """\
set -eu
rm -r /usr/share/doc/bash /etc/debian_version
rm -r /usr/share/base-files
mkdir /usr/share/base-files
echo new > /usr/share/base-files/new
echo kept > /etc/note
ln /etc/note /etc/note.again
ln -s note /etc/note.link
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Find docker-registry, or extract it from its package: installing it would start a service."""
    if found := shutil.which("docker-registry"):
        return found
    folder = tmp_path_factory.mktemp("deb")
    said = download(folder)
    if said and os.environ.get("CI") and os.geteuid() == 0:
        subprocess.run(["apt-get", "-q", "update"], capture_output=True, check=False)
        said = download(folder)
    if said:
        pytest.skip(f"docker-registry is missing and apt cannot download it: {said}")
    (deb,) = folder.glob("*.deb")
    place = folder / "docker-registry"
    for member, content in payload(deb):
        if member.path == "usr/bin/docker-registry" and content:
            place.write_bytes(content.read())
    place.chmod(0o755)
    return str(place)


def download(folder: Path) -> str:
    """Download the package with apt; return its error message, if any."""
    if not shutil.which("apt-get"):
        return "apt-get is missing"
    command = ["apt-get", "-q", "-o", "APT::Sandbox::User=", "download", "docker-registry"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return (done.stderr.strip().splitlines() or ["nothing"])[-1] if done.returncode else ""


@pytest.fixture
def registry(program: str, tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Run a registry on loopback; yield its host and its process, which a test may kill."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    storage = {"filesystem": {"rootdirectory": str(tmp_path / "registry")}}
    config = tmp_path / "registry.yml"  # JSON is YAML
    config.write_text(json.dumps(CONFIG | {"storage": storage, "http": {"addr": host}}))
    with subprocess.Popen(
        [program, "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait(f"http://{host}/v2/", process)
            yield host, process
        finally:
            process.kill()


def wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail("docker-registry does not answer")


@pytest.fixture
def pushed(engine: Any, debian: str, registry: tuple[str, Any], tmp_path: Path) -> Iterator[str]:
    """Push Debian with a layer of changes; yield the digest. Its files are in shown.tar."""
    name = f"{registry[0]}/{REPOSITORY}"
    container = engine.containers.create(debian, ["/bin/sh", "-c", CHANGE], network_mode="none")
    try:
        container.start()
        assert container.wait()["StatusCode"] == 0, container.logs()
        container.commit(name, "1")
        with (tmp_path / "shown.tar").open("wb") as shown:
            for chunk in container.export():
                shown.write(chunk)
        said = list(engine.api.push(name, "1", stream=True, decode=True))
        if refused := [line["error"] for line in said if "error" in line]:
            pytest.skip(f"Docker Engine cannot reach this machine's loopback: {refused[0]}")
        yield next(line["aux"]["Digest"] for line in said if "aux" in line)
    finally:
        container.remove(force=True)
        remove_image(engine, f"{name}:1")


@pytest.fixture
def checkout(pushed: str, registry: tuple[str, Any], tmp_path: Path,
             monkeypatch: pytest.MonkeyPatch) -> Workspace:  # fmt: skip
    """A checkout whose stack is the pushed image and a script above it."""
    conf = tmp_path / "registries.conf"
    conf.write_text(f'unqualified-search-registries = ["{registry[0]}"]\n')
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(conf))
    space = Workspace(tmp_path / "checkout")
    texts = {
        f"docker/stacks/test-{uuid.uuid4().hex[:8]}.toml": STACK,
        "docker/layers/debian/layer.toml": BASE.format(f"{REPOSITORY}@{pushed}"),
        "docker/layers/extra/layer.toml": EXTRA,
        "docker/layers/extra/build.sh": SCRIPT,
        "docker/layers/extra/check.sh": CHECK,
    }
    for name, text in texts.items():
        place = space.root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    return space


def lock_and_fetch(space: Workspace) -> Stack:
    (stack,) = (read_stack(space, path.stem) for path in space.stacks.glob("*.toml"))
    lock = resolve(space, stack, set())
    write_lock(space.lock(stack.name), lock)
    fetch(Store(space.mirror / "blobs"), lock.entries, locators(stack, space))
    return stack


def made(space: Workspace, stack: Stack, engine: Any, root: Path) -> BuiltImage:
    try:
        context = build_context(space, stack.name, root)
        built = build(context, lambda: engine)
        name = deliver(context, built, lambda: engine)
        said = engine.containers.run(name, ["cat", "/etc/seen"], remove=True, network_mode="none")
        assert said == b"kept\n"
        return built
    finally:
        for tag in ("latest", "below", "bootstrap"):
            remove_image(engine, image_name(stack.name, tag))


def visible(tree: Tree) -> dict[str, tuple[object, str]]:
    """Select what a layer keeps; folders that Docker Engine made for itself are empty."""
    return {
        path: (node.member, node.sha256) for path, node in tree.items() if not is_excluded(path)
    }


def test_a_base_image_of_a_vanished_registry_gives_the_same_build_twice(
    checkout: Workspace, registry: tuple[str, Any], engine: Any, tmp_path: Path
) -> None:
    stack = lock_and_fetch(checkout)
    _, process = registry
    process.kill()
    process.wait()
    lock = resolve(checkout, stack, set())
    assert not write_lock(checkout.lock(stack.name), lock)
    assert "127.0.0.1" not in checkout.lock(stack.name).read_text("utf-8")
    first, second = (made(checkout, stack, engine, tmp_path / name) for name in "ab")
    assert first == second
    blob = Layout(tmp_path / "a" / "oci").blob(first.layers["debian"].digest)
    assert visible(read_tree(blob)) == visible(read_tree(tmp_path / "shown.tar"))
