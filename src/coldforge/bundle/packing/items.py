"""The items of a bundle to be written: where their bytes are, and how they are verified."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from coldforge.bundle.format.index import Encoding, Kind, StoreName, Tool
from coldforge.errors import ColdforgeError
from coldforge.files.digest import CHUNK


class BundleItem(msgspec.Struct, frozen=True):
    """A blob to send, and the file with its encoded bytes."""

    sha256: str
    size: int
    store: StoreName
    name: str
    encoding: Encoding
    base: str
    path: Path
    digest: str = ""
    """sha256 of the encoded bytes; not used for raw ones."""

    @property
    def file_digest(self) -> str:
        """The sha256 that the file must have; empty if unknown."""
        return self.sha256 if self.encoding == "raw" else self.digest

    @property
    def encoded(self) -> int:
        """The size of the file; raise ColdforgeError if it is missing or has the wrong size."""
        size = self.path.stat().st_size if self.path.is_file() else -1
        if size < 0 or (self.encoding == "raw" and size != self.size):
            raise damaged_item(self)
        return size


class BundleContents(msgspec.Struct, frozen=True):
    """The contents of an index, without the positions of the bytes."""

    kind: Kind
    stack: str
    serial: int
    lock: str
    image: str
    tags: dict[str, dict[str, Any]]
    tool: Tool
    items: list[BundleItem]

    def ordered(self) -> list[BundleItem]:
        """List each item once, the tool's first: they are read before all others."""
        tool = {*self.tool.runtime, *self.tool.wheels, self.tool.project}
        once: dict[tuple[str, str], BundleItem] = {}
        for item in self.items:
            once.setdefault((item.store, item.sha256), item)
        return sorted(
            once.values(),
            key=lambda item: item.store != "mirror" or item.sha256 not in tool,
        )


def damaged_item(item: BundleItem) -> ColdforgeError:
    """Return the error for a damaged item, with how to get it again."""
    message = f"{item.name} (sha256 {item.sha256[:12]}…) is damaged here"
    again = "and run this command again"
    if item.encoding != "raw":
        return ColdforgeError(message, f"remove {item.path} {again}")
    if item.store == "mirror":
        return ColdforgeError(message, f"run: ./invokew mirror.verify, do what it says {again}")
    return ColdforgeError(message, f"remove {item.path}, build the image again {again}")


class ItemReader:
    """Read an item's file in consecutive ranges and verify it at the end."""

    def __init__(self, item: BundleItem) -> None:
        """Start at the beginning."""
        self.item = item
        self.size = item.encoded
        self._sha256 = hashlib.sha256()
        self._position = 0

    def read(self, start: int, size: int) -> Iterator[bytes]:
        """Yield `size` bytes from `start`; raise ColdforgeError if the file is damaged.

        Bytes before `start` that an earlier run packed are read again for the digest.
        """
        try:
            with self.item.path.open("rb") as stream:
                stream.seek(self._position)
                while self._position < start + size:
                    until = start if self._position < start else start + size
                    chunk = stream.read(min(CHUNK, until - self._position))
                    if not chunk:
                        raise damaged_item(self.item)
                    self._sha256.update(chunk)
                    if self._position >= start:
                        yield chunk
                    self._position += len(chunk)
        except FileNotFoundError as error:
            raise damaged_item(self.item) from error
        expected = self.item.file_digest
        if self._position == self.size and expected and expected != self._sha256.hexdigest():
            raise damaged_item(self.item)
