import json
import socket
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.host import daemon
from coldforge.host import docker_client as engine
from coldforge.host.endpoint import DEFAULT_SOCKET, DockerAbsentError, check_socket, find_endpoint


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the user's own Docker settings."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("HOME", str(tmp_path))


def context(tmp_path: Path, name: str, host: str) -> None:
    """Write a Docker context the way `docker context create` and `use` do."""
    from docker.context.config import get_meta_file

    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "config.json").write_text(json.dumps({"currentContext": name}), "utf-8")
    meta = Path(get_meta_file(name))
    meta.parent.mkdir(parents=True)
    document = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host}}}
    meta.write_text(json.dumps(document), "utf-8")


def test_without_settings_it_is_the_default_socket_and_nobody_chose_it() -> None:
    endpoint = find_endpoint()
    assert (endpoint.url, endpoint.chosen) == (DEFAULT_SOCKET, False)


def test_docker_host_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context(tmp_path, "far", "unix:///run/far.sock")
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/near.sock")
    assert find_endpoint().url == "unix:///run/near.sock"


def test_the_context_in_use_is_followed(tmp_path: Path) -> None:
    context(tmp_path, "far", "unix:///run/far.sock")
    endpoint = find_endpoint()
    assert (endpoint.url, endpoint.chosen) == ("unix:///run/far.sock", True)


def test_an_unknown_context_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "nowhere")
    with pytest.raises(ColdforgeError, match="context 'nowhere' names no Docker Engine"):
        find_endpoint()


def test_a_socket_that_is_not_there_is_absent(tmp_path: Path) -> None:
    with pytest.raises(DockerAbsentError, match="No such file"):
        check_socket(f"unix://{tmp_path}/none.sock")


def test_a_socket_nobody_listens_at_is_absent(tmp_path: Path) -> None:
    place = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place))
    with pytest.raises(DockerAbsentError, match="refused"):
        check_socket(f"unix://{place}")


def test_a_refused_user_learns_of_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("socket.socket.connect", refuse)
    with pytest.raises(ColdforgeError) as caught:
        check_socket("unix:///run/theirs.sock")
    assert "usermod -aG docker" in caught.value.hint
    assert not isinstance(caught.value, DockerAbsentError)


def test_an_engine_elsewhere_that_is_down_is_one_plain_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
    with pytest.raises(ColdforgeError, match=r"does not answer: Connection refused$"):
        engine.connect()


def test_an_engine_somebody_chose_is_never_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setattr(daemon, "bring_up", lambda absent, yes: pytest.fail("brought one up"))
    with pytest.raises(DockerAbsentError):
        engine.ensure_docker(yes=True)


@pytest.mark.parametrize("version", ["1.40", "1.9"])
def test_an_engine_older_than_20_10_is_refused(version: str) -> None:
    with pytest.raises(ColdforgeError, match="too old"):
        engine.check_api(version)


@pytest.mark.parametrize("version", ["1.41", "1.51", "2.0"])
def test_a_newer_engine_is_accepted(version: str) -> None:
    engine.check_api(version)


class Answers:
    """A client that says what Engine 28 with containerd's store says."""

    def version(self) -> dict[str, Any]:
        return {"Version": "28.5.2", "ApiVersion": "1.51"}

    def info(self) -> dict[str, Any]:
        return {
            "Driver": "overlayfs",
            "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
            "DockerRootDir": "/var/lib/docker",
            "OSType": "linux",
            "Architecture": "x86_64",
        }


def test_containerds_store_is_told_from_a_graph_driver() -> None:
    facts = engine.docker_facts(Answers())  # type: ignore[arg-type]
    assert facts.containerd_store
    assert (facts.version, facts.platform) == ("28.5.2", "linux/x86_64")


@pytest.mark.engine
def test_the_engine_here_says_what_it_is(engine: Any) -> None:
    from coldforge.host.docker_client import docker_facts

    facts = docker_facts(engine)
    assert facts.platform == "linux/x86_64"
    assert facts.root.startswith("/")
