from pathlib import Path
from unittest.mock import MagicMock

import docker.errors
import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.containers.launch import Launch, created, launch


def mounted(client: MagicMock) -> dict[str, bool]:
    """Read the mounts of the last container: target -> read-only."""
    mounts = client.containers.create.call_args.kwargs["mounts"]
    return {mount["Target"]: mount["ReadOnly"] for mount in mounts}


def test_what_is_read_is_read_only_and_what_is_written_is_not(tmp_path: Path) -> None:
    client = MagicMock()
    reads, writes = [tmp_path / "in", tmp_path / "in"], [tmp_path / "out"]
    with created(client, Launch("image", ["true"], reads, writes), tty=False):
        pass
    assert mounted(client) == {str(tmp_path / "in"): True, str(tmp_path / "out"): False}


def test_what_is_both_read_and_written_is_mounted_once(tmp_path: Path) -> None:
    client = MagicMock()
    work = Launch("image", ["true"], [tmp_path], [tmp_path])
    with created(client, work, tty=False):
        pass
    assert len(client.containers.create.call_args.kwargs["mounts"]) == 1
    assert mounted(client) == {str(tmp_path): False}


@pytest.mark.parametrize(("cluster", "network"), [(False, "none"), (True, "host")])
def test_only_who_joins_a_cluster_sees_a_network(cluster: bool, network: str) -> None:
    client = MagicMock()
    with created(client, Launch("image", ["true"], cluster=cluster), tty=False):
        pass
    assert client.containers.create.call_args.kwargs["network_mode"] == network


def test_the_container_is_removed_whatever_happens(tmp_path: Path) -> None:
    client = MagicMock()
    with pytest.raises(KeyboardInterrupt), created(client, Launch("image", ["true"]), tty=False):
        raise KeyboardInterrupt
    client.containers.create.return_value.remove.assert_called_once_with(force=True, v=True)


def test_an_engine_elsewhere_is_refused_with_what_to_do(tmp_path: Path) -> None:
    client = MagicMock()
    client.containers.create.side_effect = docker.errors.APIError("bind source does not exist")
    with pytest.raises(ColdforgeError, match="does not see this host's files") as caught:
        launch(client, Launch("image", ["true"], [tmp_path]), print, print)
    assert "DOCKER_HOST" in caught.value.hint


def test_an_image_that_is_not_there_is_named(tmp_path: Path) -> None:
    client = MagicMock()
    client.containers.create.side_effect = docker.errors.ImageNotFound(
        "404", explanation="No such image: localhost/coldforge/none:latest"
    )
    with pytest.raises(ColdforgeError, match="No such image: localhost/coldforge/none"):
        launch(client, Launch("localhost/coldforge/none:latest", ["x"], [tmp_path]), print, print)


def test_cards_are_shown_to_who_asks_for_them() -> None:
    client = MagicMock()
    for gpus in (False, True):
        with created(client, Launch("image", ["true"], gpus=gpus), tty=False):
            pass
        asked = client.containers.create.call_args.kwargs.get("device_requests")
        assert bool(asked) is gpus
    assert asked[0]["Capabilities"] == [["gpu"]]
