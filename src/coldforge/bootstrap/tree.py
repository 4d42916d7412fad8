"""Fill a folder from archives; no path or link leads out of it."""

from __future__ import annotations

import os
import posixpath
import shutil
from pathlib import Path
from typing import BinaryIO

from coldforge.errors import RefusedError


class Tree:
    """A new folder; the first entry written at a path is kept."""

    def __init__(self, root: Path, what: str) -> None:
        """Create `root`, which must not exist; `what` names the archive in errors."""
        self.root, self.what = root, what
        root.mkdir(parents=True)
        self._kinds: dict[str, str] = {"": "folder"}

    def folder(self, path: str) -> None:
        """Create a folder and its parents."""
        done = ""
        for name in clean_path(path, self.what).split("/"):
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
        """Create a symbolic link to path `target` of this tree, existing or not."""
        inside = clean_path(target, self.what)
        place = self._new(path, "link")
        if place:
            here = posixpath.dirname(clean_path(path, self.what))
            place.symlink_to(posixpath.relpath(inside or ".", here or "."))

    def hard_link(self, path: str, target: str) -> None:
        """Create a hard link to a file that was written before."""
        inside = clean_path(target, self.what)
        if self._kinds.get(inside) != "file":
            raise self._refused(f"{path!r} is a hard link to something that is not a file")
        place = self._new(path, "file")
        if place:
            os.link(self._place(inside), place)

    def _new(self, path: str, kind: str) -> Path | None:
        """Return the path of a new entry, creating its folder; None if it exists."""
        path = clean_path(path, self.what)
        if not path:
            raise self._refused("an entry has no name")
        above = posixpath.dirname(path)
        if above:
            self.folder(above)
        if path in self._kinds:
            if self._kinds[path] == "folder":
                raise self._refused(f"{path!r} exists as a folder")
            return None
        self._kinds[path] = kind
        return self._place(path)

    def _place(self, path: str) -> Path:
        return self.root / path

    def _refused(self, why: str) -> RefusedError:
        return RefusedError(f"{self.what}: {why}", "ask the sender for another bundle")


def clean_path(path: str, what: str) -> str:
    """Normalise a path below the root, empty for the root; raise RefusedError if it leads out."""
    names = [name for name in path.split("/") if name not in ("", ".")]
    if path.startswith("/") or ".." in names or "\0" in path:
        raise RefusedError(f"{what}: {path[:100]!r} leads out", "ask the sender for another bundle")
    return "/".join(names)


def resolve_link(path: str, target: str) -> str:
    """Resolve a link at `path`: a path below the root, starting with `..` if it leads out."""
    if target.startswith("/"):
        return posixpath.normpath(target).lstrip("/")
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
