"""The encoded bytes of a source, proved on the way into a volume."""

import hashlib
from collections.abc import Iterator

from coldforge.bundle.packing.manifest_draft import Source, damaged
from coldforge.files.digest import CHUNK


class Feed:
    """A source's file, read in stretches, each in its turn; a wrong one raises at its end."""

    def __init__(self, source: Source) -> None:
        """Read from the start."""
        self.source = source
        self.size = source.encoded
        self._sha256 = hashlib.sha256()
        self._seen = 0

    def read(self, start: int, size: int) -> Iterator[bytes]:
        """Yield `size` bytes from `start`; raise ColdforgeError if the file is damaged.

        Bytes before `start` that an earlier run packed are read again, for the digest.
        """
        try:
            with self.source.path.open("rb") as stream:
                stream.seek(self._seen)
                while self._seen < start + size:
                    until = start if self._seen < start else start + size
                    chunk = stream.read(min(CHUNK, until - self._seen))
                    if not chunk:
                        raise damaged(self.source)
                    self._sha256.update(chunk)
                    if self._seen >= start:
                        yield chunk
                    self._seen += len(chunk)
        except FileNotFoundError as error:
            raise damaged(self.source) from error
        proof = self.source.proof
        if self._seen == self.size and proof and proof != self._sha256.hexdigest():
            raise damaged(self.source)
