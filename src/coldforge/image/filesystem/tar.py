"""The tar writer of layers: equal members give equal bytes, on any host and Python.

Headers are POSIX ustar; a pax record is added only for what ustar cannot hold. Source:
POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block".
"""

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.member import Member, check_name

BLOCK = 512
RECORD = 20 * BLOCK
CHUNK = 1 << 20
KINDS = {"file": b"0", "hardlink": b"1", "symlink": b"2", "dir": b"5"}


class HashingWriter:
    """Pass bytes on and hash them."""

    def __init__(self, stream: BinaryIO) -> None:
        """Write to `stream`."""
        self.stream = stream
        self.sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        """Write and hash `data`."""
        self.stream.write(data)
        self.sha256.update(data)
        self.size += len(data)


class LayerWriter:
    """Write normalised members; times are the epoch, names and owners numeric."""

    def __init__(self, stream: BinaryIO, epoch: int) -> None:
        """Write to `stream` with `epoch` (seconds) as every member's time."""
        self.out = HashingWriter(stream)
        self.epoch = epoch
        self._seen: dict[str, str] = {}

    def add(self, member: Member, content: BinaryIO | None = None) -> None:
        """Append a member after its parents; `content` yields exactly `member.size` bytes.

        Raise ColdforgeError on an escaping name, a clash with an earlier member, a hard link to
        nothing, or short content.
        """
        check_name(member.path)
        earlier = self._seen.get(member.path)
        if earlier == "dir" == member.kind:
            return
        if earlier:
            raise ColdforgeError(f"two inputs both write /{member.path}", "drop one of them")
        if member.kind == "hardlink" and self._seen.get(member.link, "dir") == "dir":
            raise ColdforgeError(f"hard link /{member.path} -> /{member.link} points to no file")
        self._parents(member.path)
        self._seen[member.path] = member.kind
        for block in headers(member, self.epoch):
            self.out.write(block)
        if member.kind == "file":
            self._content(member, content)

    def close(self) -> tuple[str, int]:
        """End the archive; return its sha256 (hex) and size."""
        self.out.write(bytes(2 * BLOCK))
        self.out.write(bytes(-self.out.size % RECORD))
        return self.out.sha256.hexdigest(), self.out.size

    def _parents(self, path: str) -> None:
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            parent = "/".join(parts[:depth])
            kind = self._seen.get(parent)
            if kind is None:
                self.add(Member(parent, "dir", 0o755))
            elif kind != "dir":
                raise ColdforgeError(f"/{path} would be written through the {kind} /{parent}")

    def _content(self, member: Member, content: BinaryIO | None) -> None:
        left = member.size
        while left and content is not None and (data := content.read(min(left, CHUNK))):
            self.out.write(data)
            left -= len(data)
        if left:
            raise ColdforgeError(f"/{member.path} ended {left} bytes early")
        self.out.write(bytes(-member.size % BLOCK))


def headers(member: Member, epoch: int) -> Iterator[bytes]:
    """Encode a member's header blocks: a pax one where needed, then the ustar one."""
    name = member.path + ("/" if member.kind == "dir" else "")
    records: dict[str, bytes] = dict(sorted(member.pax().items()))
    if not _fits(name):
        records["path"] = _raw(name)
    if member.link and not _fits(member.link):
        records["linkpath"] = _raw(member.link)
    numbers = (("size", member.size, 8**11), ("uid", member.uid, 8**7), ("gid", member.gid, 8**7))
    records |= {key: str(value).encode() for key, value, limit in numbers if value >= limit}
    if records:
        body = b"".join(pax_record(key, records[key]) for key in sorted(records))
        yield _ustar("pax", b"x", len(body), epoch)
        yield body + bytes(-len(body) % BLOCK)
    kind = KINDS[member.kind]
    yield _ustar(name, kind, member.size, epoch, member)


def pax_record(key: str, value: bytes) -> bytes:
    """Encode one record, a line `LEN key=value` where LEN counts itself."""
    body = b" " + key.encode() + b"=" + value + b"\n"
    length = len(body) + 1
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def _fits(text: str) -> bool:
    return text.isascii() and len(text) <= 100


def _raw(text: str) -> bytes:
    """Give a name back its bytes: an archive's need not be UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def _ustar(name: str, kind: bytes, size: int, epoch: int, member: Member | None = None) -> bytes:
    link = member.link if member else ""
    fields = (
        (_raw(name)[:100], 100),
        (_octal(member.mode if member else 0o644, 8), 8),
        (_octal(member.uid if member else 0, 8), 8),
        (_octal(member.gid if member else 0, 8), 8),
        (_octal(size, 12), 12),
        (_octal(epoch, 12), 12),
        (b" " * 8, 8),
        (kind, 1),
        (_raw(link)[:100], 100),
        (b"ustar\x0000", 8),
        (b"", 32),
        (b"", 32),
        (_octal(0, 8), 8),
        (_octal(0, 8), 8),
    )
    block = b"".join(value.ljust(width, b"\0") for value, width in fields).ljust(BLOCK, b"\0")
    checksum = f"{sum(block):06o}\0 ".encode()
    return block[:148] + checksum + block[156:]


def _octal(value: int, width: int) -> bytes:
    """Fill a field; a number too big for it is in a pax record, and 0 here."""
    value = value if value < 8 ** (width - 1) else 0
    return f"{value:0{width - 1}o}\0".encode()
