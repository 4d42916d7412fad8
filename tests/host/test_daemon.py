import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.host import daemon
from coldforge.host.endpoint import DockerAbsentError

ABSENT = DockerAbsentError("no Docker Engine answers", "start it")


class Host:
    """What daemon.bring_up did to a made-up machine."""

    def __init__(self) -> None:
        self.programs = {"apt-get"}
        self.user = 0
        self.terminal = False
        self.did: list[str] = []


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("COLDFORGE_YES", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: made.user)
    monkeypatch.setattr("shutil.which", lambda name: name if name in made.programs else None)
    monkeypatch.setattr(daemon, "at_terminal", lambda: made.terminal)
    monkeypatch.setattr(daemon, "install", lambda: made.did.append("install"))
    monkeypatch.setattr(daemon, "start", lambda: made.did.append("start"))
    return made


def test_root_with_apt_installs_and_starts_when_told_to(host: Host) -> None:
    daemon.bring_up(ABSENT, yes=True)
    assert host.did == ["install", "start"]


def test_without_permission_and_terminal_nothing_is_installed(host: Host) -> None:
    with pytest.raises(ColdforgeError) as caught:
        daemon.bring_up(ABSENT, yes=False)
    assert host.did == []
    assert "COLDFORGE_YES=1" in caught.value.hint


def test_an_installed_engine_is_started_where_nobody_can_be_asked(host: Host) -> None:
    host.programs.add("dockerd")
    daemon.bring_up(ABSENT, yes=False)
    assert host.did == ["start"]


@pytest.mark.parametrize("installed", [True, False])
def test_a_no_on_the_terminal_is_obeyed(
    host: Host, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    host.terminal = True
    host.programs |= {"dockerd"} if installed else set()
    monkeypatch.setattr(daemon, "confirm", lambda question, yes: False)
    with pytest.raises(ColdforgeError):
        daemon.bring_up(ABSENT, yes=False)
    assert host.did == []


def test_an_ordinary_user_gets_the_first_error_back(host: Host) -> None:
    host.user = 1000
    with pytest.raises(DockerAbsentError):
        daemon.bring_up(ABSENT, yes=True)
    assert host.did == []


def test_root_without_apt_is_told_to_install_an_engine(host: Host) -> None:
    host.programs.clear()
    with pytest.raises(ColdforgeError) as caught:
        daemon.bring_up(ABSENT, yes=True)
    assert "20.10" in caught.value.hint


@pytest.mark.parametrize(
    ("folders", "manager"),
    [
        (["run/systemd/system", "etc/init.d/docker"], [["systemctl", "start", "docker"]]),
        (["etc/init.d/docker"], [["service", "docker", "start"]]),
        ([], []),
    ],
)
def test_the_service_manager_is_the_one_that_runs(
    tmp_path: Path, folders: list[str], manager: list[list[str]]
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    assert list(daemon.managers(tmp_path)) == manager


@pytest.fixture
def programs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[[str, str], None]]:
    """Put stand-ins on the PATH; no service manager, nothing at the socket."""

    def put(name: str, script: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        path.chmod(0o755)

    def nobody(url: str) -> None:
        raise DockerAbsentError("nobody")

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(daemon, "LOG", tmp_path / "dockerd.log")
    monkeypatch.setattr(daemon, "PATIENCE", 5)
    monkeypatch.setattr(daemon, "managers", lambda: iter([]))
    monkeypatch.setattr(daemon, "check_socket", nobody)
    yield put


def test_a_daemon_that_dies_is_quoted_with_its_last_line(
    programs: Callable[[str, str], None],
) -> None:
    programs("dockerd", "echo first; echo 'no cgroups here' >&2; exit 1")
    with pytest.raises(ColdforgeError, match="dockerd does not start: no cgroups here") as caught:
        daemon.start()
    assert str(daemon.LOG) in caught.value.hint


def test_an_apt_that_fails_is_quoted_with_its_last_line(
    programs: Callable[[str, str], None],
) -> None:
    programs("apt-get", "echo 'E: no such archive'; exit 100")
    with pytest.raises(ColdforgeError, match="apt-get update failed: E: no such archive"):
        daemon.install()


def test_a_manager_that_fails_is_followed_by_the_daemon_itself(
    programs: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs("service", "exit 1")
    programs("dockerd", f"touch {tmp_path}/up; exec sleep 30")
    monkeypatch.setattr(daemon, "managers", lambda: iter([["service", "docker", "start"]]))

    def answer(url: str) -> None:
        if not (tmp_path / "up").exists():
            raise DockerAbsentError("not yet")

    started: list[subprocess.Popen[bytes]] = []
    spawn = daemon.spawn
    monkeypatch.setattr(daemon, "spawn", lambda: started.append(spawn()) or started[0])
    monkeypatch.setattr(daemon, "check_socket", answer)
    try:
        daemon.start()
    finally:
        started[0].returncode = None
        started[0].kill()
        started[0].wait()


@pytest.mark.parametrize(("owner", "kept"), [("dockerd", True), ("vim", False), ("", False)])
def test_a_pidfile_is_kept_only_for_a_dockerd_that_runs(
    tmp_path: Path, owner: str, kept: bool
) -> None:
    pidfile, processes = tmp_path / "docker.pid", tmp_path / "proc"
    pidfile.write_text("4711")
    if owner:
        (processes / "4711").mkdir(parents=True)
        (processes / "4711" / "comm").write_text(f"{owner}\n")
    daemon.drop_stale(pidfile, processes)
    assert pidfile.exists() == kept
