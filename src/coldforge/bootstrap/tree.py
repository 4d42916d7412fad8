"""A folder being filled from archives, that nothing gets out of."""

from __future__ import annotations

import os
import posixpath
import shutil
from pathlib import Path
from typing import BinaryIO

from coldforge.errors import RefusedError


class Tree:
    """A new folder; the first to write a path wins."""

    def __init__(self, root: Path, what: str) -> None:
        """Make `root`, which must not be there; `what` is named when something is refused."""
        self.root, self.what = root, what
        root.mkdir(parents=True)
        self._kinds: dict[str, str] = {"": "folder"}

    def folder(self, path: str) -> None:
        """Make a folder and those it is in."""
        done = ""
        for name in clean(path, self.what).split("/"):
            done = f"{done}/{name}" if done else name
            kind = self._kinds.get(done)
            if kind is None:
                self._place(done).mkdir(0o755)
                self._kinds[done] = "folder"
            elif kind != "folder":
                raise self._refused(f"{path!r} leads through a {kind}")

    def file(self, path: str, stream: BinaryIO, executable: bool) -> None:
        """Write a file from a stream."""
        place = self._new(path, "file")
        if place:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(place, flags, 0o755 if executable else 0o644)
            with os.fdopen(handle, "wb") as out:
                shutil.copyfileobj(stream, out, 1 << 20)

    def link(self, path: str, target: str) -> None:
        """Make a symbolic link to the path `target` of this tree, whether it is there or not."""
        inside = clean(target, self.what)
        place = self._new(path, "link")
        if place:
            here = posixpath.dirname(clean(path, self.what))
            place.symlink_to(posixpath.relpath(inside or ".", here or "."))

    def hard(self, path: str, target: str) -> None:
        """Make one more name of a file that was written before."""
        inside = clean(target, self.what)
        if self._kinds.get(inside) != "file":
            raise self._refused(f"{path!r} is a link to no file")
        place = self._new(path, "file")
        if place:
            os.link(self._place(inside), place)

    def _new(self, path: str, kind: str) -> Path | None:
        """Give the place of a new entry, its folder made; None if the path is taken."""
        path = clean(path, self.what)
        if not path:
            raise self._refused("an entry without a name")
        above = posixpath.dirname(path)
        if above:
            self.folder(above)
        if path in self._kinds:
            if self._kinds[path] == "folder":
                raise self._refused(f"{path!r} is there as a folder")
            return None
        self._kinds[path] = kind
        return self._place(path)

    def _place(self, path: str) -> Path:
        return self.root / path

    def _refused(self, why: str) -> RefusedError:
        return RefusedError(f"{self.what}: {why}", "ask the sender for another bundle")


def clean(path: str, what: str) -> str:
    """Give a path below the root, empty for the root; raise RefusedError if it leads out."""
    names = [name for name in path.split("/") if name not in ("", ".")]
    if path.startswith("/") or ".." in names or "\0" in path:
        raise RefusedError(f"{what}: {path[:100]!r} leads out", "ask the sender for another bundle")
    return "/".join(names)


def resolve(path: str, target: str) -> str:
    """Follow a link at `path` in a tree: the path below its root, `..` in front if it leads out."""
    if target.startswith("/"):
        return posixpath.normpath(target).lstrip("/")
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
