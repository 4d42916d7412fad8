import os
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError, UnreachableError
from coldforge.host.docker_client import connect
from coldforge.host.ssh import Tunnel, ssh_command

HOST = "ssh://anna@example.invalid:2222"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A client that notes its words and does what a test writes after them."""
    place = tmp_path / "bin" / "ssh"
    place.parent.mkdir()
    place.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/words\n')
    place.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place.parent}:{os.environ['PATH']}")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return place


def doing(fake: Path, text: str) -> None:
    with fake.open("a") as script:
        script.write(text)


def test_the_users_client_is_started_and_never_asks(fake: Path) -> None:
    words = ssh_command(HOST)
    assert words[0] == str(fake)
    assert "BatchMode=yes" in words
    assert words[-7:] == [
        "-l", "anna", "-p", "2222", "--", "example.invalid", "docker system dial-stdio",
    ]  # fmt: skip
    assert ssh_command("ssh://one")[-3:] == ["--", "one", "docker system dial-stdio"]


@pytest.mark.parametrize(
    "url",
    ["ssh://", "ssh://-oProxyCommand=x", "ssh://-l@one", "ssh://a:b@one", "ssh://a/b", "ssh://a:x"],
)
def test_a_url_that_ssh_could_misread_is_refused(fake: Path, url: str) -> None:
    with pytest.raises(ColdforgeError, match="is not an ssh address of a Docker Engine"):
        ssh_command(url)


def test_without_a_client_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ColdforgeError, match="ssh is not installed"):
        ssh_command(HOST)


@pytest.mark.parametrize(
    ("words", "status", "hint", "passing"),
    [
        ("ssh: connect to host h port 22: Connection refused", 255, "by hand", True),
        ("h: Permission denied (publickey).", 255, "ssh-agent", False),
        ("Host key verification failed.", 255, "compare its key", False),
        ("sh: docker: not found", 127, "docker version", False),
        ("Cannot connect to the Docker daemon", 1, "docker version", False),
    ],
)
def test_the_last_words_say_what_failed(
    fake: Path, words: str, status: int, hint: str, passing: bool
) -> None:
    doing(fake, f"echo first >&2\necho '{words}' >&2\nexit {status}\n")
    with pytest.raises(ColdforgeError) as caught:
        connect(HOST)
    assert caught.value.message == f"{HOST}: {words}"
    assert hint in caught.value.hint
    assert isinstance(caught.value, UnreachableError) is passing


def test_an_engine_that_says_nothing_is_unreachable(fake: Path) -> None:
    doing(fake, "exit 0\n")
    with pytest.raises(UnreachableError, match="does not answer"):
        connect(HOST)


def test_what_the_engine_there_answers_arrives(fake: Path) -> None:
    body = '{"ApiVersion": "1.41"}'
    head = f"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: {len(body)}"
    doing(fake, f"read line\nprintf '{head}\\r\\n\\r\\n{body}'\ncat >/dev/null\n")
    client = connect(HOST)
    assert client.api.api_version == "1.41"
    client.close()


def test_a_closed_tunnel_leaves_nothing(fake: Path) -> None:
    tunnel = Tunnel(HOST)
    assert tunnel.path.exists()
    tunnel.close()
    assert not tunnel.path.parent.exists()
