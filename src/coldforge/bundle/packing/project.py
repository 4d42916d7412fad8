"""The checkout as a tar: its own files, as they are now, the same ones always the same bytes."""

import io
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from coldforge.bundle.packing.contents import Need
from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import LayerWriter
from coldforge.image.layers.project import REVISION, revision
from coldforge.mirror.store import Store
from coldforge.paths import Workspace

# What a new stack is made of may lie here before it is committed. Elsewhere what git does not
# know is a person's own, a key perhaps, and stays.
NEW = ("docker", "offline-mirror", "src", "toolchain", "wheels")
HIDDEN = {".ci", ".editorconfig", ".gitattributes", ".gitignore", ".pre-commit-config.yaml"}
"""Hidden files and folders that belong to the project."""
MADE = {"build", "dist", "offline-mirror/blobs", "offline-mirror/site"}
"""What a checkout without git holds beside its own files."""
LEFT = {".egg-info", ".part"}
SECRET = b"PRIVATE KEY-----"


def pack_project(space: Workspace, store: Store, epoch: int) -> Need:
    """Put a tar of the checkout, with its REVISION, into `store`; times are `epoch` seconds."""
    stream = io.BytesIO()
    writer = LayerWriter(stream, epoch)
    for name in sorted({*files(space), REVISION}):
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
    return Need(sha256, size, "mirror", "the checkout of coldforge", store.path(sha256))


def files(space: Workspace) -> list[str]:
    """List the checkout's own files, relative to it: what git knows, or all but what was made."""
    if not (space.root / ".git").exists():
        return sorted(_walk(space.root))
    known = _git(space, "ls-files", "-z")
    new = _git(space, "ls-files", "-z", "--others", "--exclude-standard", "--", *NEW)
    return sorted(name for name in {*known, *new} if os.path.lexists(space.root / name))


def _git(space: Workspace, *arguments: str) -> list[str]:
    command = ["git", "-C", str(space.root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise ColdforgeError("git, which tells the checkout's files, is not here") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ColdforgeError(f"git does not list the checkout: {said[-1] if said else 'no word'}")
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def _walk(root: Path) -> Iterator[str]:
    """List what a carried tree holds; hidden files came to be there, but for the project's own."""
    for parent, folders, names in os.walk(root):
        here = Path(parent).relative_to(root)
        left = [name for name in (*folders, *names) if not _made(here / name)]
        links = {name for name in folders if (root / here / name).is_symlink()}
        folders[:] = [name for name in folders if name in left and name not in links]
        yield from (str(here / name) for name in left if name not in folders)


def _made(path: Path) -> bool:
    hidden = path.name.startswith(".") and str(path) not in HIDDEN
    return hidden or str(path) in MADE or path.name == "__pycache__" or path.suffix in LEFT


def _add(writer: LayerWriter, path: Path, name: str) -> None:
    if path.is_symlink():
        writer.add(Member(name, "symlink", 0o777, link=str(path.readlink())))
        return
    with path.open("rb") as stream:
        if SECRET in stream.read(80):
            message = f"{name} is a private key, and would be sent with the checkout"
            raise ColdforgeError(message, "keep keys outside of the checkout")
        stream.seek(0)
        status = os.fstat(stream.fileno())
        mode = 0o755 if status.st_mode & 0o100 else 0o644
        writer.add(Member(name, "file", mode, size=status.st_size), stream)
