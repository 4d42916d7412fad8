import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.mirror import carried as package
from coldforge.mirror.carried import kind as door
from coldforge.mirror.carried.kind import Recognised, WantedFile, examine, recognise
from coldforge.stack.profile import Carried

DISK = '''
"""A disk image: "DISK", its version, a line feed, and anything."""

from coldforge.mirror.carried.kind import (
    CarriedFile, CarriedKind, FileFormat, Recognised, WantedFile, fitting, renamed,
)
from coldforge.mirror.carried.reading import HashedFile, ReadLimits


def read_disk(source: HashedFile, first: bytes, name: str, limits: ReadLimits) -> str:
    return first.split()[1].decode()


class DiskKind(CarriedKind):
    format = FileFormat("disk image", lambda first: first.startswith(b"DISK "), read_disk)

    def claims(self, carried: CarriedFile, want: WantedFile) -> bool:
        return isinstance(carried.facts, str)

    def identify(self, carried: CarriedFile, want: WantedFile) -> Recognised:
        file = fitting(carried.name, carried.facts, want, "disk")
        return Recognised(want.name, carried.facts, file, renamed(carried.name, file))


KIND = DiskKind()
'''
ABOUT = Carried("disk", "disk-{version}.img", ["1", "2"], "a test", "nobody")
WANTS = [WantedFile("small", "boot", ABOUT)]


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One kind more, in a folder of the package."""
    added = tmp_path / "added"
    added.mkdir()
    (added / "disk.py").write_text(DISK)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(added)])
    door.kinds.cache_clear()
    yield
    door.kinds.cache_clear()


@pytest.mark.usefixtures("disk")
def test_a_kind_is_added_by_its_own_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "download"
    path.write_bytes(b"DISK 2\n" + bytes(1000))
    seen = examine(path)
    assert (seen.facts, seen.size) == ("2", 1007)
    assert seen.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    note = "came as download, kept as disk-2.img"
    assert recognise(seen, WANTS) == Recognised("boot", "2", "disk-2.img", (note,))


@pytest.mark.usefixtures("disk")
def test_its_name_alone_does_not_make_a_file_one(tmp_path: Path) -> None:
    path = tmp_path / "disk-2.img"
    path.write_bytes(b"<html>please log in</html>")
    with pytest.raises(ColdforgeError) as caught:
        recognise(examine(path), WANTS)
    assert caught.value.message.startswith("disk-2.img has no known format (disk image, ")


def test_the_kinds_are_the_modules_that_provide_one() -> None:
    assert set(door.kinds()) >= {"archive", "runfile", "tensorrt", "wheel"}
