from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coldforge.bundle.packing.pack import pack
from coldforge.trust.keys import fingerprint, public_text
from tests.bundle.bundles import contents_of

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def text(tmp_path: Path, share: float = 0.25, **other: object) -> str:
    made = contents_of(tmp_path / "in", {"a": bytes(1_000_000)}, **other)
    pack(tmp_path / "out", made, share=share, keys=[KEY])
    return (tmp_path / "out" / "README.txt").read_text("utf-8")


def test_it_says_what_it_is_and_who_signed(tmp_path: Path) -> None:
    import hashlib

    said = text(tmp_path)
    assert "needed to build image demo" in said
    assert "2023-11-14 22:13 UTC" in said
    assert fingerprint(public_text(KEY)) in said
    assert hashlib.sha256((tmp_path / "out" / "index.json").read_bytes()).hexdigest() in said


def test_it_names_every_file(tmp_path: Path) -> None:
    said = text(tmp_path)
    for path in (tmp_path / "out").iterdir():
        assert path.name in said or path.name == "README.txt"
    assert "1.0 MB" in said


def test_it_says_what_damage_is_survived(tmp_path: Path) -> None:
    assert "up to 20% of the whole" in text(tmp_path)


def test_it_says_that_there_is_no_parity(tmp_path: Path) -> None:
    assert "no parity" in text(tmp_path, share=0.0)


@pytest.mark.parametrize("kind", ["build", "install"])
def test_it_fits_a_page_and_a_terminal(tmp_path: Path, kind: str) -> None:
    lines = text(tmp_path, kind=kind).splitlines()
    assert len(lines) < 60
    assert max(map(len, lines)) <= 100
