import base64
import hashlib
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.trust.keys import (
    PASSPHRASE,
    fingerprint,
    make_key,
    public_text,
    read_private,
    read_public,
)


@pytest.fixture(autouse=True)
def no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSPHRASE, raising=False)


def test_both_halves_are_written_and_read_back(tmp_path: Path) -> None:
    key = make_key(tmp_path / "anna")
    assert read_public(tmp_path / "anna.pub") == key
    assert public_text(read_private(tmp_path / "anna")) == key.key
    assert key.name == "anna"


def test_only_the_owner_may_read_the_private_half(tmp_path: Path) -> None:
    make_key(tmp_path / "anna")
    assert stat.S_IMODE((tmp_path / "anna").stat().st_mode) == 0o600


@pytest.mark.parametrize("there", ["anna", "anna.pub"])
def test_no_key_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    with pytest.raises(ColdforgeError, match="is there already"):
        make_key(tmp_path / "anna")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


def test_a_passphrase_locks_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE, "open sesame")
    key = make_key(tmp_path / "anna")
    assert public_text(read_private(tmp_path / "anna")) == key.key
    monkeypatch.setenv(PASSPHRASE, "wrong")
    with pytest.raises(ColdforgeError, match="passphrase does not open it"):
        read_private(tmp_path / "anna")


def test_a_locked_key_without_a_terminal_says_which_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSPHRASE, "open sesame")
    make_key(tmp_path / "anna")
    monkeypatch.delenv(PASSPHRASE)
    with pytest.raises(ColdforgeError) as caught:
        read_private(tmp_path / "anna")
    assert PASSPHRASE in caught.value.hint


def test_a_missing_key_is_exit_code_3(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="does not exist"):
        read_public(tmp_path / "none")


def test_signing_with_the_public_half_is_explained(tmp_path: Path) -> None:
    make_key(tmp_path / "anna")
    with pytest.raises(ColdforgeError, match="is a public key"):
        read_private(tmp_path / "anna.pub")


def test_the_fingerprint_is_of_the_32_bytes() -> None:
    data = bytes(range(32))
    text = "ed25519:" + base64.b64encode(data).decode()
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert fingerprint(text) == "SHA256:" + digest.rstrip("=")


@pytest.mark.parametrize(
    "text", ["", "ed25519:", "ed25519:AAAA", "rsa:" + "A" * 43 + "=", "ed25519:" + "A" * 44, "é"]
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(ColdforgeError, match="is not a public key"):
        fingerprint(text)


def test_a_key_has_one_spelling() -> None:
    # The last character before = carries two bits that decode to nothing.
    with pytest.raises(ColdforgeError):
        fingerprint("ed25519:" + "A" * 42 + "B=")


@pytest.mark.parametrize("name", ["", "a b", "../x", "a\nb", "x" * 65, "\x1b[31m"])
def test_a_name_that_could_mislead_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "k.pub").write_text(f"ed25519:{'A' * 43}= {name}")
    if name:
        with pytest.raises(ColdforgeError):
            read_public(tmp_path / "k.pub")
    else:
        assert read_public(tmp_path / "k.pub").name == "k"


@given(some.binary(max_size=120))
def test_no_file_whatever_is_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("k") / "key"
    path.write_bytes(data)
    for read in (read_public, read_private):
        with pytest.raises(ColdforgeError):
            read(path)
