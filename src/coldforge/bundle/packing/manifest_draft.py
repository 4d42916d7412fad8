"""What a bundle shall hold, before anything is written."""

from pathlib import Path
from typing import Any

import msgspec

from coldforge.bundle.format.index import Encoding, Kind, StoreName, Tool
from coldforge.errors import ColdforgeError


class Source(msgspec.Struct, frozen=True):
    """A blob to send, and the file that holds its encoded bytes."""

    sha256: str
    size: int
    store: StoreName
    name: str
    encoding: Encoding
    base: str
    path: Path
    digest: str = ""
    """sha256 of the encoded bytes; of raw ones it is the blob's own."""

    @property
    def proof(self) -> str:
        """Give the sha256 that the file must have; empty if nobody told."""
        return self.sha256 if self.encoding == "raw" else self.digest

    @property
    def encoded(self) -> int:
        """Count the bytes of the file; raise ColdforgeError if they cannot be the right ones."""
        size = self.path.stat().st_size if self.path.is_file() else -1
        if size < 0 or (self.encoding == "raw" and size != self.size):
            raise damaged(self)
        return size


class Draft(msgspec.Struct, frozen=True):
    """The content of an index, but for where the bytes come to lie."""

    kind: Kind
    stack: str
    serial: int
    lock: str
    image: str
    tags: dict[str, dict[str, Any]]
    tool: Tool
    sources: list[Source]

    def ordered(self) -> list[Source]:
        """List each source once, those of the tool first: they are read before all others."""
        tool = {*self.tool.runtime, *self.tool.wheels, self.tool.project}
        once: dict[tuple[str, str], Source] = {}
        for source in self.sources:
            once.setdefault((source.store, source.sha256), source)
        return sorted(
            once.values(),
            key=lambda source: source.store != "mirror" or source.sha256 not in tool,
        )


def damaged(source: Source) -> ColdforgeError:
    """Name a source whose bytes are wrong, and how to get right ones."""
    message = f"{source.name} (sha256 {source.sha256[:12]}…) is damaged here"
    again = "and run this command again"
    if source.encoding != "raw":
        return ColdforgeError(message, f"remove {source.path} {again}")
    if source.store == "mirror":
        return ColdforgeError(message, f"run: ./invokew mirror.verify, do what it says {again}")
    return ColdforgeError(message, f"remove {source.path}, build the image anew {again}")
