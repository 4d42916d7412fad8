"""The tool in a bundle: a Python runtime, the libraries, and the checkout."""

import io
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from coldforge import __version__
from coldforge.bundle.format.index import Tool
from coldforge.bundle.packing.contents import RequiredBlob, required_blobs
from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import LayerWriter
from coldforge.image.layers.project import REVISION, revision
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, Lock, read_lock
from coldforge.stack.stack import read_stack

STACK = "tool"
# The shared libraries that /usr/bin/python3.11 and the modules we use of its standard library
# load: 11 MB. Wheels bring their own C++ runtime.
RUNTIME = (
    "libbz2-1.0",
    "libc6",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    "liblzma5",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libsqlite3-0",
    "libssl3",
    "libuuid1",
    "python3.11-minimal",
    "zlib1g",
)


class CollectedTool(NamedTuple):
    """The tool as an index lists it, and its blobs."""

    tool: Tool
    blobs: list[RequiredBlob]


def collect_tool(space: Workspace) -> CollectedTool:
    """List the tool's blobs, after packing the checkout into the mirror.

    Raise MissingInputError if a blob is not in the mirror.
    """
    stack, lock = read_stack(space, STACK), read_lock(space.lock(STACK))
    store = Store(space.mirror / "blobs")
    runtime, wheels = _runtime(lock), _wheels(lock)
    blobs = required_blobs(store, [*runtime, *wheels], STACK)
    project = pack_project(space, store, stack.file.epoch)
    tool = Tool(
        version=__version__,
        revision=revision(space),
        python=stack.file.python.version if stack.file.python else "",
        runtime=[entry.sha256 for entry in runtime],
        wheels={entry.sha256: entry.path for entry in wheels},
        project=project.sha256,
    )
    return CollectedTool(tool, [*blobs, project])


def _runtime(lock: Lock) -> list[Entry]:
    found = {entry.name: entry for entry in lock.of("base") if entry.origin == "debian"}
    if missing := [name for name in RUNTIME if name not in found]:
        message = f"{STACK}.lock lacks {', '.join(missing)}, which the bundled Python loads"
        raise ColdforgeError(message, f"run: ./invokew stack.lock --stack {STACK}")
    return [found[name] for name in RUNTIME]


def _wheels(lock: Lock) -> list[Entry]:
    found = lock.of(STACK)
    if sources := [entry.name for entry in found if not entry.path.endswith(".whl")]:
        message = f"{STACK}.lock has no wheel of {', '.join(sources)}"
        raise ColdforgeError(message, "choose versions with wheels: the receiver cannot build them")
    return found


# Untracked files are packed only from these folders, as parts of a new stack. Elsewhere they are
# private, perhaps keys.
UNCOMMITTED = ("docker", "offline-mirror", "src", "toolchain", "wheels")
HIDDEN = {".ci", ".editorconfig", ".gitattributes", ".gitignore", ".pre-commit-config.yaml"}
"""Hidden files and folders that belong to the project."""
GENERATED = {"build", "dist", "offline-mirror/blobs", "offline-mirror/site"}
"""Generated folders of a checkout without git."""
SKIPPED_SUFFIXES = {".egg-info", ".part"}
SECRET = b"PRIVATE KEY-----"


def pack_project(space: Workspace, store: Store, epoch: int) -> RequiredBlob:
    """Store a tar of the checkout, with REVISION, in `store`; all times are `epoch` seconds."""
    stream = io.BytesIO()
    writer = LayerWriter(stream, epoch)
    for name in sorted({*checkout_files(space), REVISION}):
        if name == REVISION:
            data = f"{revision(space)}\n".encode()
            writer.add(Member(name, "file", 0o644, size=len(data)), io.BytesIO(data))
        else:
            _add(writer, space.root / name, name)
    sha256, size = writer.close()
    if not store.has(sha256, size):
        part = store.partial(sha256)
        part.write_bytes(stream.getbuffer())
        store.publish(part, sha256)
    return RequiredBlob(sha256, size, "mirror", "the checkout of coldforge", store.path(sha256))


def checkout_files(space: Workspace) -> list[str]:
    """List the checkout's own files: those known to git, or without git all not generated."""
    if not (space.root / ".git").exists():
        return sorted(_walk(space.root))
    known = _git(space, "ls-files", "-z")
    new = _git(space, "ls-files", "-z", "--others", "--exclude-standard", "--", *UNCOMMITTED)
    return sorted(name for name in {*known, *new} if os.path.lexists(space.root / name))


def _git(space: Workspace, *arguments: str) -> list[str]:
    command = ["git", "-C", str(space.root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise ColdforgeError(
            "git is not installed", "install git: it lists the checkout's files"
        ) from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ColdforgeError(
            f"git does not list the checkout: {lines[-1] if lines else 'no message'}"
        )
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def _walk(root: Path) -> Iterator[str]:
    """List the files of a checkout without git, without generated and hidden ones."""
    for parent, folders, names in os.walk(root):
        here = Path(parent).relative_to(root)
        left = [name for name in (*folders, *names) if not _skipped(here / name)]
        links = {name for name in folders if (root / here / name).is_symlink()}
        folders[:] = [name for name in folders if name in left and name not in links]
        yield from (str(here / name) for name in left if name not in folders)


def _skipped(path: Path) -> bool:
    hidden = path.name.startswith(".") and str(path) not in HIDDEN
    return (
        hidden
        or str(path) in GENERATED
        or path.name == "__pycache__"
        or path.suffix in SKIPPED_SUFFIXES
    )


def _add(writer: LayerWriter, path: Path, name: str) -> None:
    if path.is_symlink():
        writer.add(Member(name, "symlink", 0o777, link=str(path.readlink())))
        return
    with path.open("rb") as stream:
        if SECRET in stream.read(80):
            message = f"{name} is a private key and would be sent with the checkout"
            raise ColdforgeError(message, "move it out of the checkout")
        stream.seek(0)
        status = os.fstat(stream.fileno())
        mode = 0o755 if status.st_mode & 0o100 else 0o644
        writer.add(Member(name, "file", mode, size=status.st_size), stream)
