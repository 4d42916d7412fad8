"""Lay out the tool that a bundle carries: a Python of its own, its libraries, the project.

    DEST/blobs, DEST/build, DEST/site    what all versions share
    DEST/tool/<id>/                      root (Debian packages), site-packages, python (a script)
    DEST/versions/<id>/                  the project; blobs, build, site and .tool are links
    DEST/coldforge                       link to the version in use

Whatever has its name is whole: it was made under another one. Two may run at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pkgutil
import shutil
import subprocess
from typing import Callable, Iterator

from coldforge.bootstrap.index import Tool
from coldforge.bootstrap.tree import Tree
from coldforge.bootstrap.unpack import unpack_deb, unpack_tar, unpack_wheel
from coldforge.errors import ColdforgeError, RefusedError

LAYOUT = 1  # of DEST/tool/<id>
SHARED = {"offline-mirror/blobs": "blobs", "offline-mirror/site": "site", "build": "build"}
CURRENT = "coldforge"


@contextlib.contextmanager
def alone(dest: str) -> Iterator[None]:
    """Make DEST with what all versions share, and wait for any other run to end."""
    for name in ("blobs", "build", "site", "tool", "versions"):
        os.makedirs(os.path.join(dest, name), exist_ok=True)
    with open(os.path.join(dest, ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def lay_out(dest: str, tool: Tool, blob: Callable[[str], str]) -> str:
    """Lay out a tool inside `alone`, if it is not there; return its folder below DEST/versions.

    `blob` gives the path of a verified blob by its sha256.
    """
    made = _put(dest, "tool", tool_id(tool), lambda part: _tool(part, tool, blob))
    runtime = os.path.basename(made)
    return _put(
        dest, "versions", tool.project[:16], lambda part: _version(part, runtime, tool, blob)
    )


def tool_id(tool: Tool) -> str:
    """Identify a runtime and its libraries."""
    what = json.dumps([LAYOUT, tool.python, tool.runtime, sorted(tool.wheels)])
    return hashlib.sha256(what.encode()).hexdigest()[:16]


def switch(dest: str, version: str) -> None:
    """Make a version, a folder that `lay_out` returned, the one in use; others stay."""
    link, part = os.path.join(dest, CURRENT), os.path.join(dest, f".{CURRENT}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(part)
    os.symlink(os.path.join("versions", os.path.basename(version)), part)
    os.replace(part, link)
    _sync(dest)


def _put(dest: str, room: str, name: str, make: Callable[[str], None]) -> str:
    """Make a folder DEST/room/name, whole or not at all; what a killed run left is removed."""
    place = os.path.join(dest, room, name)
    part = os.path.join(dest, room, f".{name}")
    shutil.rmtree(part, ignore_errors=True)
    if not os.path.isdir(place):
        try:
            make(part)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        os.sync()  # a name must not outlive a power cut that its bytes did not
        os.rename(part, place)
        _sync(os.path.dirname(place))
    return place


def _tool(part: str, tool: Tool, blob: Callable[[str], str]) -> None:
    root = Tree(os.path.join(part, "root"), "the carried runtime")
    for sha256 in tool.runtime:
        unpack_deb(blob(sha256), root)
    packages = Tree(os.path.join(part, "site-packages"), "the carried libraries")
    for sha256 in sorted(tool.wheels):
        unpack_wheel(blob(sha256), packages)
    library = f"usr/lib/python{tool.python}"
    site = os.path.join(part, "root", library, "sitecustomize.py")
    if os.path.lexists(site):
        os.unlink(site)  # Debian's: it would look for a crash reporter
    root.link("usr/lib/python3/dist-packages", "site-packages")
    os.unlink(os.path.join(part, "root/usr/lib/python3/dist-packages"))
    os.symlink(
        "../../../../site-packages", os.path.join(part, "root/usr/lib/python3/dist-packages")
    )
    root.link("usr/bin/python", f"usr/bin/python{tool.python}")
    os.symlink("root/usr/lib", os.path.join(part, "lib"))
    _script(os.path.join(part, "python"), "python.sh")
    _try(os.path.join(part, "python"))


def _version(part: str, runtime: str, tool: Tool, blob: Callable[[str], str]) -> None:
    tree = Tree(part, "the carried project")
    unpack_tar(blob(tool.project), tree)
    links = {**SHARED, ".tool": f"tool/{runtime}"}
    for name, target in links.items():
        place = os.path.join(part, name)
        if os.path.lexists(place):
            raise RefusedError(f"the carried project holds {name!r}", "ask for another bundle")
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.symlink("../" * (2 + name.count("/")) + target, place)
    with open(os.path.join(part, "REVISION"), "w", encoding="utf-8") as out:
        out.write(f"{tool.revision}\n")
    if not os.access(os.path.join(part, "invokew"), os.X_OK):
        raise RefusedError("the carried project holds no invokew", "ask for another bundle")


def _script(place: str, name: str) -> None:
    data = pkgutil.get_data(__package__ or "coldforge.bootstrap", name)
    if data is None:
        raise FileNotFoundError(name)
    with open(place, "wb") as out:
        out.write(data)
    os.chmod(place, 0o755)


def _try(python: str) -> None:
    """Start the laid out Python; raise ColdforgeError if it does not run here."""
    command = [python, "-c", "import ctypes, hashlib, lzma, ssl, zlib, invoke"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = (
            "" if done.returncode == 0 else (done.stderr.strip() or "no word why").splitlines()[-1]
        )
    except OSError as error:
        said = str(error.strerror)
    if said:
        hint = "it needs x86-64 Linux, and a disk that is not mounted noexec"
        raise ColdforgeError(f"the carried Python does not start: {said}", hint)


def _sync(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
