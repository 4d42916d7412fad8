import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.mirror.origins.debian.signature import dearmoured, verified

TEXT = "Origin: Debian\nSuite: test\nSHA256:\n 00 1 main\n"


@pytest.fixture(scope="module")
def signed(signer: Any) -> bytes:
    return bytes(signer.sign(TEXT))


def test_the_text_under_a_good_signature_is_returned(signer: Any, signed: bytes) -> None:
    assert verified(signed, keyrings=(signer.keyring,)) == TEXT


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(share=0.2, flip=1)
@given(share=st.floats(0, 0.999), flip=st.integers(1, 255))
def test_a_changed_byte_never_changes_what_is_believed(
    signer: Any, signed: bytes, share: float, flip: int
) -> None:
    place = int(share * len(signed))
    changed = signed[:place] + bytes([signed[place] ^ flip]) + signed[place + 1 :]
    try:
        believed = verified(changed, keyrings=(signer.keyring,))
    except ColdforgeError:
        return
    # Armour headers and trailing white space are not covered, and not believed either.
    assert [line.rstrip() for line in believed.splitlines()] == TEXT.splitlines()


def test_a_changed_byte_of_the_message_is_refused(signer: Any, signed: bytes) -> None:
    with pytest.raises(ColdforgeError, match="changed after signing"):
        verified(signed.replace(b"Suite: test", b"Suite: tesu"), keyrings=(signer.keyring,))


def test_text_around_the_signed_part_is_not_believed(signer: Any, signed: bytes) -> None:
    try:
        believed = verified(signed + b"\nExtra: yes\n", keyrings=(signer.keyring,))
    except ColdforgeError:
        return
    assert believed == TEXT


def test_a_file_without_signature_is_refused(signer: Any) -> None:
    with pytest.raises(ColdforgeError, match="not a signed file"):
        verified(TEXT.encode(), keyrings=(signer.keyring,))


def test_a_signer_that_the_keyring_does_not_hold_is_refused(stranger: Path, signed: bytes) -> None:
    with pytest.raises(ColdforgeError, match="does not hold"):
        verified(signed, keyrings=(stranger,))


def test_signed_by_replaces_the_default_keyring(signer: Any, stranger: Path, signed: bytes) -> None:
    assert verified(signed, str(signer.keyring), keyrings=(stranger,)) == TEXT
    assert verified(signed, f"{stranger},{signer.keyring}", keyrings=()) == TEXT
    with pytest.raises(ColdforgeError, match="does not hold"):
        verified(signed, str(stranger), keyrings=(signer.keyring,))


def test_signed_by_may_be_an_armoured_file_or_the_key_itself(
    signer: Any, signed: bytes, tmp_path: Path
) -> None:
    armour = signer.armoured()
    path = tmp_path / "key.asc"
    path.write_text(armour)
    assert verified(signed, str(path), keyrings=()) == TEXT
    folded = "\n".join(f" {line or '.'}" for line in armour.splitlines())
    assert verified(signed, folded, keyrings=()) == TEXT
    assert dearmoured(armour) == signer.keyring.read_bytes()


def test_a_damaged_armoured_key_is_one_line(signer: Any, signed: bytes) -> None:
    with pytest.raises(ColdforgeError, match="armoured"):
        verified(signed, signer.armoured().replace("\nm", "\n!m", 1), keyrings=())


def test_a_keyring_that_is_not_there_says_what_to_install(signed: bytes, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError) as caught:
        verified(signed, keyrings=(tmp_path / "none.gpg",))
    assert "debian-archive-keyring" in caught.value.hint
    with pytest.raises(ColdforgeError, match="cannot read its keyring"):
        verified(signed, str(tmp_path / "none.gpg"), keyrings=())


def test_without_gpgv_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(MissingInputError) as caught:
        verified(b"")
    assert "gpgv" in caught.value.hint
