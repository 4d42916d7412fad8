"""The tool in a bundle: a Python runtime, the libraries, and the checkout."""

from typing import NamedTuple

from coldforge import __version__
from coldforge.bundle.format.index import Tool
from coldforge.bundle.packing.contents import RequiredBlob, required_blobs
from coldforge.bundle.packing.project import pack_project
from coldforge.errors import ColdforgeError
from coldforge.image.layers.project import revision
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
