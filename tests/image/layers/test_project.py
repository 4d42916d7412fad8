import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.layers.project import build_project, revision
from coldforge.paths import Workspace

IGNORED = shutil.ignore_patterns("__pycache__")


@pytest.fixture
def clone(checkout: Path, tmp_path: Path) -> Workspace:
    """What the wheel is made of, somewhere else."""
    root = tmp_path / "clone"
    shutil.copytree(checkout / "src", root / "src", ignore=IGNORED)
    for name in ("pyproject.toml", "LICENSE", ".gitignore"):
        shutil.copyfile(checkout / name, root / name)
    return Workspace(root)


def test_the_project_s_wheel_depends_on_its_sources_alone(
    clone: Workspace, checkout: Path, tmp_path: Path
) -> None:
    here = build_project(Workspace(checkout), tmp_path / "here")
    (clone.root / "src" / "coldforge" / "errors.py").chmod(0o600)
    (clone.root / "src" / "coldforge" / "errors.py").touch()
    there = build_project(clone, tmp_path / "there")
    assert here.name == there.name
    assert here.read_bytes() == there.read_bytes()
    with zipfile.ZipFile(here) as archive:
        names = archive.namelist()
    assert {"coldforge/errors.py", "coldforge/py.typed"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


def test_a_wheel_that_does_not_build_is_one_line(clone: Workspace, tmp_path: Path) -> None:
    (clone.root / "pyproject.toml").write_text("[project]\n", "utf-8")
    with pytest.raises(ColdforgeError, match="the project's wheel did not build") as caught:
        build_project(clone, tmp_path)
    assert "\n" not in caught.value.message


def test_outside_version_control_the_revision_is_unknown(tmp_path: Path) -> None:
    assert revision(Workspace(tmp_path)) == "unknown"


def test_the_revision_is_the_commit_marked_if_files_differ(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        command = [
            "git",
            "-C",
            str(tmp_path),
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.org",
        ]
        return subprocess.run([*command, *words], capture_output=True, text=True, check=True).stdout

    git("init", "--quiet")
    (tmp_path / "a").write_text("1", "utf-8")
    git("add", "a")
    git("commit", "--quiet", "--message", "one")
    commit = git("rev-parse", "HEAD").strip()
    assert revision(Workspace(tmp_path)) == commit
    (tmp_path / "a").write_text("2", "utf-8")
    assert revision(Workspace(tmp_path)) == f"{commit}-dirty"


def test_a_carried_checkout_says_the_revision_it_was_carried_from(tmp_path: Path) -> None:
    (tmp_path / "REVISION").write_text("abc-dirty\n", "utf-8")
    assert revision(Workspace(tmp_path)) == "abc-dirty"
