import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from coldforge.image.filesystem.wheel import repack

FILES = {
    "demo/__init__.py": b"print()\n" * 500,
    "demo/tool": b"#!/bin/sh\n",
    "demo/größe.txt": b"",
    "demo-1.0.data/scripts/run": b"#!python\n",
}
WheelOf = Callable[..., Path]


@pytest.fixture
def wheel(wheel_of: WheelOf) -> Path:
    return wheel_of(FILES, executable=["demo/tool"])


def rezipped(
    wheel: Path,
    out: Path,
    *,
    compression: int = zipfile.ZIP_DEFLATED,
    year: int = 1999,
    mode: int = 0o644,
    reverse: bool = False,
    folders: bool = False,
) -> Path:
    """Zip the same files again in another way; the executable bit stays."""
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(out, "w") as target:
        for info in sorted(source.infolist(), key=lambda item: item.filename, reverse=reverse):
            fresh = zipfile.ZipInfo(info.filename, (year, 5, 6, 7, 8, 10))
            fresh.external_attr = (0o100000 | mode | (info.external_attr >> 16) & 0o111) << 16
            fresh.extra, fresh.comment = b"\xfe\xca\0\0", b"a comment"
            target.writestr(fresh, source.read(info), compression)
        if folders:
            target.mkdir("demo-1.0.dist-info")
    return out


@pytest.mark.parametrize(
    "way",
    [
        {"reverse": True},
        {"year": 2024},
        {"mode": 0o600},
        {"mode": 0o666},
        {"compression": zipfile.ZIP_STORED},
        {"compression": zipfile.ZIP_BZIP2},
        {"folders": True},
    ],
)
def test_how_a_wheel_was_zipped_does_not_matter(
    wheel: Path, tmp_path: Path, way: dict[str, int]
) -> None:
    repack(wheel, tmp_path / "one")
    repack(rezipped(wheel, tmp_path / "raw", **way), tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_repacked_wheel_repacks_to_itself(wheel: Path, tmp_path: Path) -> None:
    repack(wheel, tmp_path / "one")
    repack(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_content_is_unchanged_and_checks_out(wheel: Path, tmp_path: Path) -> None:
    repack(wheel, tmp_path / "out")
    with zipfile.ZipFile(wheel) as before, zipfile.ZipFile(tmp_path / "out") as after:
        assert after.testzip() is None
        assert set(after.namelist()) == set(before.namelist())
        assert {name: after.read(name) for name in FILES} == FILES


def test_the_order_of_lines_in_record_does_not_matter(wheel_of: WheelOf, tmp_path: Path) -> None:
    for name, lines in (("one", b"a,,\r\nb,,\r\n"), ("two", b"b,,\na,,\n")):
        repack(wheel_of({}, record=lines), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_modes_are_one_of_two(wheel: Path, tmp_path: Path) -> None:
    repack(rezipped(wheel, tmp_path / "raw", mode=0o660), tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out") as archive:
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    assert modes["demo/tool"] == 0o100755
    assert set(modes.values()) == {0o100755, 0o100644}


def test_metadata_comes_last_and_record_at_the_end(wheel: Path, tmp_path: Path) -> None:
    repack(wheel, tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out") as archive:
        names = archive.namelist()
    inside = [".dist-info/" in name for name in names]
    assert inside == sorted(inside)
    assert names[-1] == "demo-1.0.dist-info/RECORD"


def test_an_installer_takes_it_and_its_record_is_true(wheel: Path, tmp_path: Path) -> None:
    import installer
    from installer.destinations import SchemeDictionaryDestination
    from installer.sources import WheelFile

    (tmp_path / "dist").mkdir()
    repack(wheel, tmp_path / "dist" / wheel.name)
    schemes = {name: str(tmp_path / name) for name in ("purelib", "platlib", "scripts", "data")}
    destination = SchemeDictionaryDestination(schemes, "/usr/bin/python3", "posix")
    with WheelFile.open(tmp_path / "dist" / wheel.name) as source:
        source.validate_record(validate_contents=True)
        installer.install(source, destination, {})
    assert (tmp_path / "purelib" / "demo" / "tool").stat().st_mode & 0o111
    assert (tmp_path / "scripts" / "run").read_text("utf-8") == "#!/usr/bin/python3\n"


@pytest.mark.parametrize("platform", ["linux", "win32"])
def test_the_host_s_system_does_not_matter(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    """A member says on which system it was made; readers take modes only from Unix."""
    repack(wheel, tmp_path / "here")
    monkeypatch.setattr(sys, "platform", platform)
    repack(wheel, tmp_path / "there")
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()
    with zipfile.ZipFile(tmp_path / "there") as archive:
        assert {info.create_system for info in archive.infolist()} == {3}
