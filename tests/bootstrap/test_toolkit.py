import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coldforge.bootstrap import toolkit
from coldforge.bootstrap.index import InstalledTool
from coldforge.errors import ColdforgeError, RefusedError
from tests.bootstrap.tools import LOADER, deb, tar, tool_parts, wheel
from tests.synced import record_syncs

SRC = Path(toolkit.__file__).parents[2]


class Lab:
    """Blobs of a tool, and DEST."""

    def __init__(self, root: Path) -> None:
        self.root, self.dest = root, root / "dest"
        self.blobs = root / "blobs"
        self.blobs.mkdir()
        for name, data in tool_parts().items():
            (self.blobs / name).write_bytes(data)

    def tool(self, project: str = "project", wheels: tuple[str, ...] = ("wheel",)) -> InstalledTool:
        return InstalledTool("commit", "3.11", ["runtime"], list(wheels), project)

    def lay_out(self, tool: InstalledTool | None = None) -> Path:
        with toolkit.exclusive(self.dest):
            return toolkit.install(self.dest, tool or self.tool(), self.blobs.joinpath)

    def hidden(self) -> list[str]:
        return [
            path.name for room in ("tool", "versions") for path in (self.dest / room).glob(".*")
        ]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_a_tool_is_laid_out_with_what_all_versions_share(lab: Lab) -> None:
    version = lab.lay_out()
    assert version == lab.dest / "versions" / "project"
    for name in ("offline-mirror/blobs", "build", "offline-mirror/site"):
        assert (version / name).resolve() == (lab.dest / Path(name).name).resolve()
        assert not (version / name).readlink().is_absolute()
    tool = (version / ".tool").resolve()
    assert tool.parent == (lab.dest / "tool").resolve()
    assert {path.name for path in tool.iterdir()} == {"lib", "python", "root", "site-packages"}
    assert (tool / "lib/python3/dist-packages/invoke/__init__.py").is_file()
    assert not (tool / "root/usr/lib/python3.11/sitecustomize.py").exists()
    assert (lab.dest / "versions/project/invokew").stat().st_mode & 0o100


def test_everything_may_be_moved(lab: Lab) -> None:
    lab.lay_out()
    moved = lab.dest.rename(lab.root / "moved")
    links = [path for path in moved.rglob("*") if path.is_symlink()]
    assert links
    assert not any(path.readlink().is_absolute() for path in links)
    assert all(path.resolve().is_relative_to(moved.resolve()) for path in links)


def test_what_is_there_is_left_alone(lab: Lab) -> None:
    version = lab.lay_out()
    (version / "mark").touch()
    shutil.rmtree(lab.blobs)
    assert lab.lay_out() == version
    assert (version / "mark").exists()


def test_a_new_version_shares_the_runtime(lab: Lab) -> None:
    first = lab.lay_out()
    (lab.blobs / "other").write_bytes((lab.blobs / "project").read_bytes())
    second = lab.lay_out(lab.tool("other"))
    assert first != second
    assert (first / ".tool").resolve() == (second / ".tool").resolve()


def test_other_libraries_are_another_tool(lab: Lab) -> None:
    (lab.blobs / "more").write_bytes(wheel({"more.py": b""}))
    ids = {toolkit.tool_id(lab.tool()), toolkit.tool_id(lab.tool(wheels=("wheel", "more")))}
    assert len(ids) == 2
    assert toolkit.tool_id(lab.tool("other")) in ids


def test_the_version_in_use_is_switched_at_once(lab: Lab) -> None:
    version = lab.lay_out()
    assert not (lab.dest / toolkit.CURRENT).exists()
    for _ in range(2):
        toolkit.activate(lab.dest, version)
        assert (lab.dest / toolkit.CURRENT).readlink() == Path("versions/project")


def test_the_version_before_stays_and_older_ones_go_with_their_tools(lab: Lab) -> None:
    (lab.blobs / "more").write_bytes(wheel({"more.py": b""}))
    both = ("more", "wheel")
    for name, wheels in {"one": ("wheel",), "two": both, "three": both}.items():
        (lab.blobs / name).write_bytes((lab.blobs / "project").read_bytes())
        toolkit.activate(lab.dest, lab.lay_out(lab.tool(name, wheels)))
    assert {path.name for path in (lab.dest / "versions").iterdir()} == {"two", "three"}
    (tool,) = (lab.dest / "tool").iterdir()
    assert tool.name == toolkit.tool_id(lab.tool(wheels=both))


@pytest.mark.parametrize("name", ["build", ".tool", "offline-mirror/blobs", "offline-mirror/site"])
def test_a_project_that_holds_what_is_shared_is_refused(lab: Lab, name: str) -> None:
    (lab.blobs / "project").write_bytes(tar({"invokew": b"#!", name: "x"}))
    with pytest.raises(RefusedError, match=name):
        lab.lay_out()
    assert list((lab.dest / "versions").iterdir()) == []


def test_a_project_without_its_command_is_refused(lab: Lab) -> None:
    (lab.blobs / "project").write_bytes(tar({"src/x.py": b""}))
    with pytest.raises(RefusedError, match="invokew"):
        lab.lay_out()


def test_a_python_that_does_not_start_here_is_not_laid_out(lab: Lab) -> None:
    broken = {LOADER: b"#!/bin/sh\necho no such thing >&2\nexit 1\n", "usr/bin/python3.11": b"#!"}
    (lab.blobs / "runtime").write_bytes(deb(broken))
    with pytest.raises(ColdforgeError, match="does not start: no such thing"):
        lab.lay_out()
    assert list((lab.dest / "tool").iterdir()) == []


def start(lab: Lab) -> "subprocess.Popen[bytes]":
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from coldforge.bootstrap.index import InstalledTool\n"
        "from coldforge.bootstrap.toolkit import activate, exclusive, install\n"
        "dest, blobs = Path(sys.argv[1]), Path(sys.argv[2])\nwith exclusive(dest):\n"
        "    made = install(dest, InstalledTool('', '3.11', ['runtime'], ['wheel'], 'project'),"
        " blobs.joinpath)\n    activate(dest, made)\n"
    )
    command = [sys.executable, "-c", code, str(lab.dest), str(lab.blobs)]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(SRC)})


def test_killed_at_any_moment_it_is_whole_or_not_there(lab: Lab) -> None:
    # Enough files that most kills come while they are written.
    files = {f"invoke/{number}.py": b"x" * 100 for number in range(1500)}
    (lab.blobs / "wheel").write_bytes(wheel(files))
    chance = random.Random(4)
    for _ in range(8):
        process = start(lab)
        time.sleep(chance.uniform(0.05, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        for tool in (lab.dest / "tool").glob("[!.]*"):
            assert len(list((tool / "site-packages/invoke").iterdir())) == len(files)
        if (lab.dest / toolkit.CURRENT).is_symlink():
            assert (lab.dest / toolkit.CURRENT / "invokew").is_file()
            shutil.rmtree(lab.dest)
    assert start(lab).wait() == 0
    assert lab.hidden() == []


def test_two_at_once_lay_out_one_tool(lab: Lab) -> None:
    both = [start(lab) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert (lab.dest / toolkit.CURRENT / "invokew").is_file()
    assert len(list((lab.dest / "tool").iterdir())) == 1
    assert lab.hidden() == []


def test_all_of_a_tool_is_on_disk_before_it_has_its_name(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = record_syncs(monkeypatch)
    tool = lab.tool()
    version = lab.lay_out(tool)
    for name, files in (
        (toolkit.tool_id(tool), ("python3.11", "__init__.py")),
        (version.name, ("x.py",)),
    ):
        named = events.index(f"rename {name}")
        before, after = events[:named], events[named:]
        assert {f"sync {one}" for one in (*files, f".{name}")} <= set(before)
        assert after[1] in ("sync tool", "sync versions")


def test_a_switch_is_on_disk_when_it_returns(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    version = lab.lay_out()
    events = record_syncs(monkeypatch)
    toolkit.activate(lab.dest, version)
    assert events == [f"rename {toolkit.CURRENT}", f"sync {lab.dest.name}"]
