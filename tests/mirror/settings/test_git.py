from pathlib import Path

import pytest

from coldforge.errors import MissingInputError
from coldforge.mirror.settings.git import credentials, remote_url, run, setting
from tests.mirror.forge import Forge


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forge:
    return Forge(tmp_path, monkeypatch)


def test_the_users_rewriting_of_addresses_holds(forge: Forge) -> None:
    forge.configure('[url "https://mirror.example.org/git/"]\n\tinsteadOf = https://example.org/\n')
    assert remote_url("https://example.org/o/n.git") == "https://mirror.example.org/git/o/n.git"
    assert remote_url("https://example.com/o/n.git") == "https://example.com/o/n.git"


def test_the_users_settings_are_read(forge: Forge) -> None:
    forge.configure("[lfs]\n\turl = https://example.org/lfs\n")
    assert setting("lfs.url") == "https://example.org/lfs"
    assert setting("lfs.other") == ""


def test_the_users_credential_helper_is_asked(forge: Forge) -> None:
    helper = "!f() { echo username=me; echo password=a=b; }; f"
    forge.configure(f'[credential "https://example.org"]\n\thelper = "{helper}"\n')
    assert credentials("https://example.org/o/n.git") == ("me", "a=b")


def test_without_credentials_nobody_is_asked(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_ASKPASS", "SSH_ASKPASS"):
        monkeypatch.delenv(name, raising=False)
    assert credentials("https://example.org/o/n.git") is None


def test_a_repository_that_calls_is_not_touched(
    forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge.commit("o/caller", {"a": b"a"})
    caller = forge.folder("o/caller")
    (caller / "config").write_text("[lfs]\n\turl = https://example.org/callers\n", "utf-8")
    monkeypatch.setenv("GIT_DIR", str(caller))
    monkeypatch.chdir(caller)
    assert setting("lfs.url") == ""


def test_git_speaks_no_language_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "de")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert b"is not a git command" in run(None, "nonsense").stderr


def test_a_host_without_git_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingInputError, match="git, which fetches") as caught:
        remote_url("https://example.org/o/n.git")
    assert "\n" not in caught.value.message
    assert "install git" in caught.value.hint
