"""Lay out the tool that a bundle carries: a Python of its own, its libraries, the project.

    DEST/blobs, DEST/build, DEST/site    what all versions share
    DEST/tool/<id>/                      root (Debian packages), site-packages, python (a script)
    DEST/versions/<id>/                  the project; blobs, build, site and .tool are links
    DEST/coldforge                       link to the version in use

Whatever has its name is whole: it was made under another one. Two may run at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pkgutil
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from coldforge.bootstrap.index import Tool
from coldforge.bootstrap.tree import Tree
from coldforge.bootstrap.unpack import unpack_deb, unpack_tar, unpack_wheel
from coldforge.errors import ColdforgeError, RefusedError
from coldforge.files.atomic import publish_folder, sync_folder
from coldforge.files.lock import locked

LAYOUT = 1  # of DEST/tool/<id>
SHARED = {"offline-mirror/blobs": "blobs", "offline-mirror/site": "site", "build": "build"}
CURRENT = "coldforge"
ASK = "ask the sender for another bundle"


@contextlib.contextmanager
def alone(dest: Path) -> Iterator[None]:
    """Make DEST with what all versions share, and wait for any other run to end."""
    for name in ("blobs", "build", "site", "tool", "versions"):
        (dest / name).mkdir(parents=True, exist_ok=True)
    with locked(dest / ".lock"):
        yield


def lay_out(dest: Path, tool: Tool, blob: Callable[[str], Path]) -> Path:
    """Lay out a tool inside `alone`, if it is not there; return its folder below DEST/versions.

    `blob` gives the path of a verified blob by its sha256.
    """
    made = _put(dest, "tool", tool_id(tool), lambda part: _tool(part, tool, blob))
    runtime = made.name
    return _put(
        dest, "versions", tool.project[:16], lambda part: _version(part, runtime, tool, blob)
    )


def tool_id(tool: Tool) -> str:
    """Identify a runtime and its libraries."""
    what = json.dumps([LAYOUT, tool.python, tool.runtime, sorted(tool.wheels)])
    return hashlib.sha256(what.encode()).hexdigest()[:16]


def switch(dest: Path, version: Path) -> None:
    """Make a version, a folder that `lay_out` returned, the one in use.

    The one before stays, to go back to by hand; older ones, and tools that none of the two runs
    on, are removed.
    """
    current = dest / CURRENT
    kept = {version.name, current.resolve().name if current.is_symlink() else ""}
    part = dest / f".{CURRENT}.{os.getpid()}"
    part.unlink(missing_ok=True)
    part.symlink_to(Path("versions", version.name))
    part.replace(current)
    sync_folder(dest)
    _forget(dest / "versions", kept)
    links = (dest / "versions" / name / ".tool" for name in kept if name)
    _forget(dest / "tool", {link.resolve().name for link in links})


def _forget(room: Path, kept: set[str]) -> None:
    for place in [place for place in room.iterdir() if place.name not in kept]:
        shutil.rmtree(place, ignore_errors=True)


def _put(dest: Path, room: str, name: str, make: Callable[[Path], None]) -> Path:
    """Make a folder DEST/room/name, whole or not at all; what a killed run left is removed."""
    place, part = dest / room / name, dest / room / f".{name}"
    shutil.rmtree(part, ignore_errors=True)
    if not place.is_dir():
        try:
            make(part)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        publish_folder(part, place)
    return place


def _tool(part: Path, tool: Tool, blob: Callable[[str], Path]) -> None:
    root = Tree(part / "root", "the carried runtime")
    for sha256 in tool.runtime:
        unpack_deb(blob(sha256), root)
    packages = Tree(part / "site-packages", "the carried libraries")
    for sha256 in sorted(tool.wheels):
        unpack_wheel(blob(sha256), packages)
    library = part / "root" / "usr" / "lib"
    # Debian's would look for a crash reporter, which nobody carried.
    (library / f"python{tool.python}" / "sitecustomize.py").unlink(missing_ok=True)
    (library / "python3").mkdir(parents=True, exist_ok=True)
    (library / "python3" / "dist-packages").symlink_to("../../../../site-packages")
    root.link("usr/bin/python", f"usr/bin/python{tool.python}")
    (part / "lib").symlink_to("root/usr/lib")
    _script(part / "python", "python.sh")
    _try(part / "python")


def _version(part: Path, runtime: str, tool: Tool, blob: Callable[[str], Path]) -> None:
    tree = Tree(part, "the carried project")
    unpack_tar(blob(tool.project), tree)
    for name, target in {**SHARED, ".tool": f"tool/{runtime}"}.items():
        place = part / name
        if os.path.lexists(place):
            raise RefusedError(f"the carried project holds {name!r}", ASK)
        place.parent.mkdir(exist_ok=True)
        place.symlink_to("../" * (2 + name.count("/")) + target)
    if not os.access(part / "invokew", os.X_OK):
        raise RefusedError("the carried project holds no invokew", ASK)


def _script(place: Path, name: str) -> None:
    data = pkgutil.get_data("coldforge.bootstrap", name)
    if data is None:
        raise FileNotFoundError(name)
    place.write_bytes(data)
    place.chmod(0o755)


def _try(python: Path) -> None:
    """Start the laid out Python; raise ColdforgeError if it does not run here."""
    command = [str(python), "-c", "import ctypes, hashlib, lzma, ssl, zlib, invoke"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = (done.stderr.strip() or "no word why") if done.returncode else ""
    except OSError as error:
        said = str(error.strerror)
    if said:
        hint = "it needs x86-64 Linux, and a disk that is not mounted noexec"
        last = said.splitlines()[-1]
        raise ColdforgeError(f"the carried Python does not start: {last}", hint)
