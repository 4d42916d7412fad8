import hashlib
import json
from pathlib import Path

import pytest

from coldforge.bootstrap.folder import Copies
from coldforge.bundle.admission import admit
from coldforge.errors import MissingInputError, RefusedError
from coldforge.trust.trust import write_trust
from tests.bundle.bundles import bundle, private_key, trust


@pytest.fixture
def made(tmp_path: Path) -> tuple[bytes, list[bytes]]:
    """An index, and its signatures by `one` alone and by `two` alone."""
    signed = []
    for name in ("one", "two"):
        bundle(tmp_path / name, [], keys=[private_key(name)])
        signed.append((tmp_path / name / "signatures.json").read_bytes())
    return (tmp_path / "one" / "index.json").read_bytes(), signed


def copies(index: bytes, *signatures: bytes) -> dict[str, Copies]:
    return {hashlib.sha256(index).hexdigest(): Copies(index, list(signatures))}


def keys(tmp_path: Path, threshold: int = 1) -> Path:
    write_trust(tmp_path / "trust.json", trust("one", "two", threshold=threshold))
    return tmp_path / "trust.json"


def test_signatures_in_different_copies_add_up(
    tmp_path: Path, made: tuple[bytes, list[bytes]]
) -> None:
    index, signed = made
    admitted = admit(copies(index, *signed), keys(tmp_path, 2))
    assert admitted.data == index
    assert len(json.loads(admitted.signatures)["signatures"]) == 2
    with pytest.raises(RefusedError, match="1 of the 2 signatures"):
        admit(copies(index, signed[0]), keys(tmp_path, 2))


@pytest.mark.parametrize("damaged", [b"", b"{", b'{"signatures":[],"trust":[{"payload":"x"}]}'])
def test_a_damaged_copy_of_the_signatures_does_no_harm(
    tmp_path: Path, made: tuple[bytes, list[bytes]], damaged: bytes
) -> None:
    index, signed = made
    assert admit(copies(index, damaged, signed[0]), keys(tmp_path)).index.stack == "demo"
    assert not admit(copies(index, signed[0], damaged), keys(tmp_path)).rotations


def test_a_rotation_that_makes_no_sense_does_not_spoil_a_good_signature(
    tmp_path: Path, made: tuple[bytes, list[bytes]]
) -> None:
    index, signed = made
    wrong = {"payloadType": "x", "payload": "eA==", "signatures": []}
    other = json.dumps({"signatures": [], "trust": [wrong]}).encode()
    assert admit(copies(index, other, signed[0]), keys(tmp_path)).data == index


def test_an_index_that_somebody_changed_is_passed_over_beside_the_right_one(
    tmp_path: Path, made: tuple[bytes, list[bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    index, signed = made
    both = copies(index, signed[0]) | copies(index + b" ", signed[0])
    assert admit(both, keys(tmp_path)).data == index
    assert "another index is skipped" in capsys.readouterr().err


def test_nothing_at_all_is_missing_and_not_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        admit({}, keys(tmp_path))
