import lzma
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.mirror.carried.archive import KIND
from coldforge.mirror.carried.kind import Recognised, WantedFile, examine
from coldforge.stack.profile import Carried
from tests.mirror.handmade import ARM, X86, elf, tar

FILE = "cudnn-linux-x86_64-{version}_cuda12-archive.tar.xz"
VERSION = "8.9.7.29"
ABOUT = Carried("archive", FILE, [VERSION], "convolutions", "publisher")
WANT = WantedFile("small", "cudnn", ABOUT)
TOP = FILE.removesuffix(".tar.xz")


def archive(
    folder: Path, name: str = "", top: str = TOP.format(version=VERSION), machine: int = X86
) -> Path:
    path = folder / (name or FILE.format(version=VERSION))
    path.write_bytes(lzma.compress(tar({f"{top}/lib/libcudnn.so.8": elf(machine)})))
    return path


def refused(path: Path) -> str:
    with pytest.raises(ColdforgeError) as caught:
        KIND.identify(examine(path), WANT)
    assert caught.value.hint.startswith(f"bring {FILE.format(version=VERSION)}")
    return caught.value.message


def test_the_right_archive_is_found(tmp_path: Path) -> None:
    found = KIND.identify(examine(archive(tmp_path)), WANT)
    assert found == Recognised("cudnn", VERSION, FILE.format(version=VERSION))


def test_a_foreign_name_is_accepted_and_said(tmp_path: Path) -> None:
    seen = examine(archive(tmp_path, "download"))
    assert KIND.claims(seen, WANT)
    assert KIND.identify(seen, WANT).notes == (
        f"came as download, kept as {FILE.format(version=VERSION)}",
    )


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, "download", TOP.format(version="8.8.0.1"))
    assert "is cudnn 8.8.0.1; stack small takes 8.9.7.29" in refused(path)


def test_another_cuda_is_refused(tmp_path: Path) -> None:
    top = TOP.format(version=VERSION).replace("cuda12", "cuda11")
    assert f"is another archive: at its top is {top}" in refused(archive(tmp_path, top=top))


def test_a_name_of_another_version_than_inside_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, top=TOP.format(version="8.8.0.1"))
    assert "was renamed: inside is cudnn-linux-x86_64-8.8.0.1_cuda12-archive" in refused(path)


def test_another_processor_is_refused(tmp_path: Path) -> None:
    assert "is for aarch64; stack small is x86_64" in refused(archive(tmp_path, machine=ARM))


def test_what_is_no_tar_is_refused(tmp_path: Path) -> None:
    path = tmp_path / FILE.format(version=VERSION)
    path.write_bytes(b"<html>log in first</html>")
    assert "is not a tar" in refused(path)
