import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from coldforge.bundle.packing.receiver import receive, write_receive
from tests.bootstrap.pythons import python

SHELLS = ("sh", "dash", "bash")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder"
    folder.mkdir()
    write_receive(folder / "receive")
    return folder / "receive"


def run(
    *command: str, cwd: Path | None = None, **environ: str
) -> "subprocess.CompletedProcess[str]":
    given = environ or None
    return subprocess.run(
        command, cwd=cwd, env=given, capture_output=True, text=True, check=False, timeout=60
    )


def test_equal_sources_give_equal_bytes(file: Path) -> None:
    assert file.read_bytes() == receive() == receive()


def test_it_holds_what_it_needs_and_can_be_read(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        kinds = {
            (one.create_system, one.external_attr, one.date_time) for one in archive.infolist()
        }
    assert kinds == {(3, 0o644 << 16, (1980, 1, 1, 0, 0, 0))}  # 3: Unix, whatever made the zip
    assert {"__main__.py", "coldforge/errors.py", "coldforge/bootstrap/python.sh"} <= set(names)
    assert names == sorted(names)
    assert not [name for name in names if "__pycache__" in name]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_runs_it_from_anywhere(file: Path, shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell} here")
    for cwd, name in ((file.parent, "receive"), (file.parent.parent, "a folder/receive")):
        done = run(shell, name, "--help", cwd=cwd)
        assert (done.returncode, done.stderr) == (0, "")
        assert "example: sh receive" in done.stdout


def test_python_runs_it_and_so_does_the_kernel(file: Path) -> None:
    for command in ([sys.executable, str(file)], [str(file)]):
        assert "example: sh receive" in run(*command, "--help").stdout


def test_it_looks_for_the_bundle_where_it_lies(file: Path, tmp_path: Path) -> None:
    done = run("sh", str(file), "--into", str(tmp_path / "dest"), "--digest", "0" * 64)
    assert done.returncode == 3
    assert "there is no intact index here" in done.stderr


def test_nothing_of_the_folder_it_is_started_in_is_imported(file: Path) -> None:
    for name in ("argparse.py", "hashlib.py", "sitecustomize.py", "coldforge.py"):
        (file.parent / name).write_text("raise SystemExit('taken over')\n", "utf-8")
    path = str(file.parent)
    done = run("sh", "receive", "--help", cwd=file.parent, PATH="/usr/bin:/bin", PYTHONPATH=path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_host_without_python_is_told_so(file: Path, tmp_path: Path) -> None:
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "python3").write_text("#!/bin/sh\nexit 1\n", "utf-8")
    (bin_ / "python3").chmod(0o755)
    done = run(str(shutil.which("sh")), str(file), PATH=str(bin_))
    assert done.returncode == 1
    assert done.stderr == "error: Python 3.9 or newer is missing\n hint: install python3\n"


def test_a_python_that_is_too_old_says_so_itself(file: Path) -> None:
    if not python("3.8"):
        pytest.skip("there is no Python 3.8 here")
    done = run(python("3.8"), str(file))
    assert done.returncode == 1
    assert done.stderr.startswith("error: this Python is too old\n hint: ")
