import base64
import csv
import hashlib
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.tar import LayerWriter
from coldforge.image.filesystem.wheel import install_wheel

PACKAGES = "usr/local/lib/python3.11/dist-packages"
INFO = f"{PACKAGES}/demo-1.0.dist-info"
NAME = "demo-1.0-py3-none-any.whl"
WheelOf = Callable[..., Path]
Laid = dict[str, tuple[int, bytes]]


def laid_out(wheel: Path, name: str = NAME) -> Laid:
    """Install a wheel into a layer; return path -> mode and content of its files."""
    place = wheel.with_suffix(".tar")
    with place.open("wb") as stream:
        writer = LayerWriter(stream, 1)
        install_wheel(wheel, name, writer, "3.11")
        writer.close()
    with tarfile.open(place) as archive:
        files = [info for info in archive if info.isfile()]
        return {info.name: (info.mode, archive.extractfile(info).read()) for info in files}  # type: ignore[union-attr]


def record(laid: Laid) -> list[list[str]]:
    return list(csv.reader(laid[f"{INFO}/RECORD"][1].decode().splitlines()))


def test_files_land_in_dist_packages(wheel_of: WheelOf) -> None:
    laid = laid_out(wheel_of({"demo/__init__.py": b"", "demo/data.bin": b"\0\1"}))
    assert laid[f"{PACKAGES}/demo/data.bin"] == (0o644, b"\0\1")
    assert laid[f"{INFO}/INSTALLER"] == (0o644, b"coldforge\n")
    assert {name.removeprefix(f"{INFO}/") for name in laid if name.startswith(INFO)} == {
        "INSTALLER", "METADATA", "RECORD", "WHEEL",
    }  # fmt: skip


def test_a_platform_wheel_lands_in_the_same_place(wheel_of: WheelOf) -> None:
    tags = "Root-Is-Purelib: false\nTag: cp311-cp311-linux_x86_64\n"
    laid = laid_out(wheel_of({"demo.so": b"\x7fELF"}, tags=tags))
    assert f"{PACKAGES}/demo.so" in laid


def test_an_executable_stays_one(wheel_of: WheelOf) -> None:
    laid = laid_out(wheel_of({"demo/tool": b"", "demo/text": b""}, executable=["demo/tool"]))
    assert laid[f"{PACKAGES}/demo/tool"][0] == 0o755
    assert laid[f"{PACKAGES}/demo/text"][0] == 0o644


def test_a_script_gets_the_image_s_interpreter_and_may_run(wheel_of: WheelOf) -> None:
    files = {
        "demo-1.0.data/scripts/py": b"#!python\nprint()\n",
        "demo-1.0.data/scripts/pyw": b"#!pythonw -E\nprint()\n",
        "demo-1.0.data/scripts/sh": b"#!/bin/sh\n",
    }
    laid = laid_out(wheel_of(files))
    assert laid["usr/local/bin/py"] == (0o755, b"#!/usr/bin/python3.11\nprint()\n")
    assert laid["usr/local/bin/pyw"][1].startswith(b"#!/usr/bin/python3.11")
    assert laid["usr/local/bin/sh"] == (0o755, b"#!/bin/sh\n")


def test_an_entry_point_gets_a_launcher(wheel_of: WheelOf) -> None:
    text = b"[console_scripts]\ndemo = demo.cli:main\n[other]\nx = y:z\n"
    laid = laid_out(wheel_of({"demo-1.0.dist-info/entry_points.txt": text}))
    mode, content = laid["usr/local/bin/demo"]
    assert mode == 0o755
    assert content.startswith(b"#!/usr/bin/python3.11\n")
    assert b"from demo.cli import main" in content
    assert [name for name in laid if "/bin/" in name] == ["usr/local/bin/demo"]


def test_data_schemes_land_where_debian_s_python_looks(wheel_of: WheelOf) -> None:
    files = {
        "demo-1.0.data/data/share/demo/x": b"1",
        "demo-1.0.data/headers/demo.h": b"2",
        "demo-1.0.data/purelib/demo/y": b"3",
        "demo-1.0.data/platlib/demo/z": b"4",
    }
    laid = laid_out(wheel_of(files))
    assert laid["usr/local/share/demo/x"][1] == b"1"
    assert laid["usr/local/include/python3.11/demo.h"][1] == b"2"
    assert laid[f"{PACKAGES}/demo/y"][1] == b"3"
    assert laid[f"{PACKAGES}/demo/z"][1] == b"4"


def test_record_is_true_and_leads_to_every_file(wheel_of: WheelOf) -> None:
    files = {
        "demo/__init__.py": b"1\n",
        "demo/with, comma.txt": b"",
        "demo-1.0.data/scripts/tool": b"#!python\n",
        "demo-1.0.data/data/share/x": b"3",
        "demo-1.0.data/headers/demo.h": b"4",
        "demo-1.0.data/platlib/demo.so": b"5",
        "demo-1.0.dist-info/entry_points.txt": b"[console_scripts]\ndemo = demo:main\n",
    }
    laid = laid_out(wheel_of(files))
    rows = record(laid)
    assert {os.path.normpath(f"{PACKAGES}/{row[0]}") for row in rows} == set(laid)
    assert [f"{PACKAGES}/{row[0]}" for row in rows if not row[1]] == [f"{INFO}/RECORD"]
    for path, digest, size in rows:
        content = laid[os.path.normpath(f"{PACKAGES}/{path}")][1]
        if digest:
            raw = hashlib.sha256(content).digest()
            assert digest == "sha256=" + base64.urlsafe_b64encode(raw).decode().rstrip("=")
            assert int(size) == len(content)


def test_record_is_sorted_whatever_the_wheel_s_order(wheel_of: WheelOf) -> None:
    rows = record(laid_out(wheel_of(dict.fromkeys(("z.py", "a.py", "m.py"), b""))))
    assert rows == sorted(rows)


def test_no_compiled_python_is_written(wheel_of: WheelOf) -> None:
    files = {"demo/__pycache__/x.cpython-311.pyc": b"\0", "demo/x.py": b""}
    laid = laid_out(wheel_of(files))
    assert not [name for name in laid if "__pycache__" in name]
    assert not [row for row in record(laid) if "__pycache__" in row[0]]


def test_a_wheel_may_lie_under_its_digest(wheel_of: WheelOf, tmp_path: Path) -> None:
    blob = wheel_of({"demo.py": b""}).rename(tmp_path / ("0f" * 32))
    assert f"{PACKAGES}/demo.py" in laid_out(blob)


@pytest.mark.parametrize(
    "member",
    ["../x.py", "/x.py", "a/../../x.py", "demo-1.0.data/scripts/../../../x", "a//x.py", "../", "/"],
)
def test_an_escaping_member_is_refused_naming_the_wheel(wheel_of: WheelOf, member: str) -> None:
    with pytest.raises(ColdforgeError, match=f"^{NAME}: unsafe member name"):
        laid_out(wheel_of({member: b""}))


def test_an_escaping_entry_point_is_refused(wheel_of: WheelOf) -> None:
    text = b"[console_scripts]\n../../../etc/x = demo:main\n"
    with pytest.raises(ColdforgeError, match=NAME):
        laid_out(wheel_of({"demo-1.0.dist-info/entry_points.txt": text}))


def test_two_wheels_that_write_one_file_are_refused(wheel_of: WheelOf, tmp_path: Path) -> None:
    with (tmp_path / "layer.tar").open("wb") as stream:
        writer = LayerWriter(stream, 1)
        for name in ("one-1.0-py3-none-any.whl", "two-1.0-py3-none-any.whl"):
            wheel = wheel_of({"shared.py": b""}, name)
            if name.startswith("one"):
                install_wheel(wheel, name, writer, "3.11")
        with pytest.raises(ColdforgeError, match=r"two-1\.0.*: two inputs both write .*shared\.py"):
            install_wheel(wheel, name, writer, "3.11")


def test_a_broken_zip_is_refused_naming_the_wheel(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"not a zip at all")
    with pytest.raises(ColdforgeError, match=f"{NAME} is not a sound wheel"):
        laid_out(tmp_path / NAME)


def test_a_flipped_byte_inside_is_refused_naming_the_wheel(wheel_of: WheelOf) -> None:
    wheel = wheel_of({"demo.py": bytes(range(256)) * 40})
    data = bytearray(wheel.read_bytes())
    with zipfile.ZipFile(wheel) as archive:
        start = archive.getinfo("demo.py").header_offset + 30 + len("demo.py")
    for place in (start, start + 5):
        damaged = data.copy()
        damaged[place] ^= 0xFF
        wheel.write_bytes(damaged)
        with pytest.raises(ColdforgeError, match=f"{NAME} is not a sound wheel"):
            laid_out(wheel)


@pytest.mark.parametrize(
    ("files", "options"),
    [
        ({"other-2.0.dist-info/METADATA": b""}, {}),
        ({"demo-1.0.data/nowhere/x": b""}, {}),
        ({"demo-1.0.data/x": b""}, {}),
        ({"demo-1.0.dist-info/entry_points.txt": b"[console_scripts]\nno colon\n"}, {}),
        ({"demo-1.0.dist-info/entry_points.txt": b"[console_scripts]\nx = y\n"}, {}),
        ({"demo-1.0.dist-info/entry_points.txt": b"\xff\xfe"}, {}),
        ({}, {"record": b"a,b\n"}),
        ({}, {"record": b"demo-1.0.dist-info/WHEEL,nonsense,x\n"}),
        ({}, {"tags": "Root-Is-Purelib: true\n", "name": "demo-1.0-none-any.whl"}),
    ],
)
def test_what_is_no_sound_wheel_is_refused_by_name(
    wheel_of: WheelOf, files: dict[str, bytes], options: dict[str, str]
) -> None:
    wheel = wheel_of(files, **options)
    with pytest.raises(ColdforgeError, match=wheel.name):
        laid_out(wheel, wheel.name)


def test_a_wheel_of_another_format_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / NAME, "w") as archive:
        archive.writestr("demo-1.0.dist-info/WHEEL", "Wheel-Version: 2.0\n")
        archive.writestr("demo-1.0.dist-info/RECORD", "")
    with pytest.raises(ColdforgeError, match=f"{NAME}.*version"):
        laid_out(tmp_path / NAME)


def test_a_zip_without_metadata_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / NAME, "w") as archive:
        archive.writestr("demo.py", "")
    with pytest.raises(ColdforgeError, match=f"{NAME} is not a sound wheel"):
        laid_out(tmp_path / NAME)
