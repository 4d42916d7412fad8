"""Install the tool of a bundle: its own Python, its libraries, the project.

    DEST/blobs, DEST/build, DEST/site    shared by all versions
    DEST/tool/<id>/                      root (Debian packages), site-packages, python (a script)
    DEST/versions/<id>/                  the project; blobs, build, site and .tool are links
    DEST/coldforge                       link to the active version

A folder is built under a temporary name, so one with its final name is complete.
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

from coldforge.bootstrap.index import InstalledTool
from coldforge.bootstrap.unpack import Tree, unpack_deb, unpack_tar, unpack_wheel
from coldforge.errors import ColdforgeError, RefusedError
from coldforge.files.atomic import publish_folder, sync_folder
from coldforge.files.lock import locked

LAYOUT = 1  # of DEST/tool/<id>
SHARED = {"offline-mirror/blobs": "blobs", "offline-mirror/site": "site", "build": "build"}
CURRENT = "coldforge"
ASK = "ask the sender for another bundle"


@contextlib.contextmanager
def exclusive(dest: Path) -> Iterator[None]:
    """Create DEST with its shared folders and lock it, waiting for other runs."""
    for name in ("blobs", "build", "site", "tool", "versions"):
        (dest / name).mkdir(parents=True, exist_ok=True)
    with locked(dest / ".lock"):
        yield


def install(dest: Path, tool: InstalledTool, blob: Callable[[str], Path]) -> Path:
    """Install a tool, within `exclusive`, if it is not there; return its folder in DEST/versions.

    `blob` maps the sha256 of a verified blob to its path.
    """
    made = _make_folder(dest, "tool", tool_id(tool), lambda part: _install_tool(part, tool, blob))
    runtime = made.name
    return _make_folder(
        dest,
        "versions",
        tool.project[:16],
        lambda part: _install_version(part, runtime, tool, blob),
    )


def tool_id(tool: InstalledTool) -> str:
    """Identify a runtime with its libraries."""
    what = json.dumps([LAYOUT, tool.python, tool.runtime, sorted(tool.wheels)])
    return hashlib.sha256(what.encode()).hexdigest()[:16]


def activate(dest: Path, version: Path) -> None:
    """Make a version, a folder that `install` returned, the active one.

    The previous version is kept, for going back by hand; older ones, and tools that neither uses,
    are removed.
    """
    current = dest / CURRENT
    kept = {version.name, current.resolve().name if current.is_symlink() else ""}
    part = dest / f".{CURRENT}.{os.getpid()}"
    part.unlink(missing_ok=True)
    part.symlink_to(Path("versions", version.name))
    part.replace(current)
    sync_folder(dest)
    _remove_others(dest / "versions", kept)
    links = (dest / "versions" / name / ".tool" for name in kept if name)
    _remove_others(dest / "tool", {link.resolve().name for link in links})


def _remove_others(folder: Path, kept: set[str]) -> None:
    for place in [place for place in folder.iterdir() if place.name not in kept]:
        shutil.rmtree(place, ignore_errors=True)


def _make_folder(dest: Path, parent: str, name: str, make: Callable[[Path], None]) -> Path:
    """Make a folder DEST/parent/name atomically, removing what a killed run left."""
    place, part = dest / parent / name, dest / parent / f".{name}"
    shutil.rmtree(part, ignore_errors=True)
    if not place.is_dir():
        try:
            make(part)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        publish_folder(part, place)
    return place


def _install_tool(part: Path, tool: InstalledTool, blob: Callable[[str], Path]) -> None:
    root = Tree(part / "root", "the bundled runtime")
    for sha256 in tool.runtime:
        unpack_deb(blob(sha256), root)
    packages = Tree(part / "site-packages", "the bundled libraries")
    for sha256 in sorted(tool.wheels):
        unpack_wheel(blob(sha256), packages)
    library = part / "root" / "usr" / "lib"
    # Debian's imports a crash reporter, which is not in the bundle.
    (library / f"python{tool.python}" / "sitecustomize.py").unlink(missing_ok=True)
    (library / "python3").mkdir(parents=True, exist_ok=True)
    (library / "python3" / "dist-packages").symlink_to("../../../../site-packages")
    root.link("usr/bin/python", f"usr/bin/python{tool.python}")
    (part / "lib").symlink_to("root/usr/lib")
    _write_script(part / "python", "python.sh")
    _check_python(part / "python")


def _install_version(
    part: Path, runtime: str, tool: InstalledTool, blob: Callable[[str], Path]
) -> None:
    tree = Tree(part, "the bundled project")
    unpack_tar(blob(tool.project), tree)
    for name, target in {**SHARED, ".tool": f"tool/{runtime}"}.items():
        place = part / name
        if os.path.lexists(place):
            raise RefusedError(f"the bundled project contains {name!r}", ASK)
        place.parent.mkdir(exist_ok=True)
        place.symlink_to("../" * (2 + name.count("/")) + target)
    if not os.access(part / "invokew", os.X_OK):
        raise RefusedError("the bundled project contains no executable invokew", ASK)


def _write_script(place: Path, name: str) -> None:
    data = pkgutil.get_data("coldforge.bootstrap", name)
    if data is None:
        raise FileNotFoundError(name)
    place.write_bytes(data)
    place.chmod(0o755)


def _check_python(python: Path) -> None:
    """Start the installed Python; raise ColdforgeError if it does not run here."""
    command = [str(python), "-c", "import ctypes, hashlib, lzma, ssl, zlib, invoke"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        failure = (done.stderr.strip() or "no message") if done.returncode else ""
    except OSError as error:
        failure = str(error.strerror)
    if failure:
        hint = "it needs x86-64 Linux, and a disk that is not mounted noexec"
        last = failure.splitlines()[-1]
        raise ColdforgeError(f"the bundled Python does not start: {last}", hint)
