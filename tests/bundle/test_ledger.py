from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.bundle.format.index import Index
from coldforge.bundle.ledger import FORMAT, Ledger, format_time, read_ledger, record
from coldforge.errors import ColdforgeError
from tests.bundle.bundles import SERIAL, bundle


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return bundle(tmp_path / "out", [])


def later(index: Index, seconds: int = 1, **other: str) -> Index:
    return msgspec.structs.replace(index, serial=index.serial + seconds, **other)


def test_what_is_entered_is_known(tmp_path: Path, index: Index) -> None:
    path = tmp_path / "received.json"
    assert read_ledger(path) == Ledger(FORMAT, [])
    record(path, "a" * 64, index, whole=True)
    record(path, "a" * 64, index, whole=True)
    assert read_ledger(path).has_complete("a" * 64)
    assert not read_ledger(path).has_complete("b" * 64)
    assert len(read_ledger(path).bundles) == 1


def test_only_a_newer_one_of_the_same_stack_and_kind_makes_it_old(
    tmp_path: Path, index: Index
) -> None:
    path = tmp_path / "received.json"
    record(path, "a" * 64, later(index), whole=True)
    ledger = read_ledger(path)
    assert ledger.is_outdated(index)
    assert not ledger.is_outdated(later(index))
    assert not ledger.is_outdated(later(index, 0, kind="install"))
    assert not ledger.is_outdated(later(index, 0, stack="other"))
    assert not ledger.is_newest(later(index, 0, stack="other"))
    assert ledger.is_newest(later(index, 2))


def test_a_bundle_of_which_only_blobs_were_taken_does_not_count(
    tmp_path: Path, index: Index
) -> None:
    path = tmp_path / "received.json"
    record(path, "a" * 64, later(index), whole=False)
    assert not read_ledger(path).has_complete("a" * 64)
    assert not read_ledger(path).is_outdated(index)


def test_an_old_one_is_refused_with_both_dates(tmp_path: Path, index: Index) -> None:
    record(tmp_path / "received.json", "a" * 64, later(index), whole=True)
    error = read_ledger(tmp_path / "received.json").refusal(index)
    assert "2023-11-14 22:13:20 UTC" in error.message
    assert "2023-11-14 22:13:21 UTC" in error.message
    assert error.exit_code == 4


def test_a_serial_is_a_second() -> None:
    assert format_time(SERIAL) == "2023-11-14 22:13:20 UTC"


@given(st.binary(max_size=100))
def test_a_ledger_that_cannot_be_read_is_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "received.json"
    path.write_bytes(data)
    with pytest.raises(ColdforgeError, match="cannot be read") as caught:
        read_ledger(path)
    assert "backup" in caught.value.hint
