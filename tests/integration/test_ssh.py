"""Docker Engine over ssh: a real sshd on loopback, the ssh client, this machine's Docker Engine."""

import getpass
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coldforge.deploy import fleet
from coldforge.deploy.fleet import install_on_all
from coldforge.deploy.generations import numbers
from coldforge.deploy.image import find_image
from coldforge.deploy.install import from_layout, install
from coldforge.errors import ColdforgeError, UnreachableError
from coldforge.host.docker_client import connect
from coldforge.image.containers.docker_engine import image_name
from coldforge.image.oci.layout import Layout
from tests.integration.installed import remove_tags, small_image

pytestmark = pytest.mark.engine

SSHD = """\
ListenAddress 127.0.0.1
HostKey {home}/host
AuthorizedKeysFile {home}/user.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""
SSH = """\
Host good
  HostName 127.0.0.1
Host *
  Port {port}
  IdentityFile {home}/%n
  IdentitiesOnly yes
  UserKnownHostsFile {home}/known
  StrictHostKeyChecking yes
"""


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """Run an sshd that accepts one key; yield its folder and port."""
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    needs = [program, shutil.which("ssh"), shutil.which("ssh-keygen"), shutil.which("docker")]
    if not all(need and Path(need).exists() for need in needs):
        pytest.skip("needs sshd, ssh and docker: apt-get install openssh-server docker-cli")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # as its service does: it runs as nobody in there
    home = tmp_path_factory.mktemp("ssh")
    for name in ("host", "user", "stranger"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(home / name)]
        subprocess.run(command, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (home / "sshd_config").write_text(SSHD.format(home=home))
    command = [program, "-D", "-e", "-p", str(port), "-f", str(home / "sshd_config")]
    with (home / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            answering(port, process, home / "log")
            yield home, port
        finally:
            process.terminate()


def answering(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.skip(f"sshd does not run here: {log.read_text()[-200:]}")


@pytest.fixture
def client(sshd: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put an ssh client on PATH that uses the test's configuration."""
    home, port = sshd
    public = (home / "host.pub").read_text()
    hosts = ("127.0.0.1", "localhost")
    (home / "known").write_text("".join(f"[{host}]:{port} {public}" for host in hosts))
    for name in ("good", "127.0.0.1"):
        shutil.copy(home / "user", home / name)
    shutil.copy(home / "stranger", home / "localhost")
    (home / "config").write_text(SSH.format(home=home, port=port))
    wrapper = tmp_path / "bin" / "ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {home}/config "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    return home


def at(host: str) -> str:
    return f"ssh://{getpass.getuser()}@{host}"


def test_docker_engine_over_ssh_is_this_one(client: Path, engine: Any) -> None:
    there = connect(at("good"))
    try:
        assert there.api.info()["ID"] == engine.api.info()["ID"]
    finally:
        there.close()


def test_docker_host_may_be_over_ssh(client: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", at("127.0.0.1"))
    there = connect()
    assert there.ping()
    there.close()


def test_the_message_of_ssh_is_shown_when_it_refuses(
    client: Path, sshd: tuple[Path, int], tmp_path: Path
) -> None:
    with pytest.raises(ColdforgeError, match="Permission denied") as caught:
        connect(at("localhost"))
    assert "ssh-agent" in caught.value.hint
    assert not isinstance(caught.value, UnreachableError)
    (client / "known").write_text("")
    with pytest.raises(ColdforgeError, match="Host key verification failed"):
        connect(at("127.0.0.1"))
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(UnreachableError, match="Connection refused"):
            connect(f"{at('127.0.0.1')}:{nobody.getsockname()[1]}")


def test_a_fleet_over_ssh_gets_the_image_and_a_rerun_does_nothing(
    client: Path, engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "PAUSES", (0.1, 0.1))
    layout, stack = Layout(tmp_path / "oci"), f"test-{uuid.uuid4().hex[:8]}"
    made = small_image(layout, stack, 3_000_000)
    act: Callable[[Any], Any] = lambda there: install(there, made, 3, from_layout)  # noqa: E731
    try:
        good, bad = install_on_all([at("good"), at("localhost")], connect, act)
        assert (good.state, good.generation) == ("installed", 1)
        assert (bad.state, "Permission denied" in bad.why) == ("failed", True)
        shown = engine.api.inspect_image(image_name(stack))
        assert shown["Id"] in find_image(layout, stack).ids
        assert numbers(shown["RepoTags"], stack) == [1]
        (again,) = install_on_all([at("good")], connect, act)
        assert again.state == "already"
    finally:
        remove_tags(engine, stack)
