"""A layer as what differs from another one: stretches copied out of that, and new bytes.

What both have, member by member of the tar, is copied. What is new is packed in pieces, each with
the base's bytes around its relatives as dictionary (the way of `zstd --patch-from`): a library that
moved a version costs what changed in it. Memory stays below 1 GB for layers of any size.

Form: b"coldforge-delta1", then steps, all numbers big-endian: u8 what (C copy, N new, E end), u64
size of what it makes, u64 offset in the base, u32 bytes of the base that are the dictionary, u32
bytes of the zstd frame that follows. Source: RFC 8878.
"""

import os
import struct
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from coldforge.bundle.delta.match import PIECE, Step, match, most_region
from coldforge.bundle.delta.tar_chunks import Blob
from coldforge.bundle.delta.zstd_codec import damaged
from coldforge.errors import ColdforgeError
from coldforge.files.digest import CHUNK

if TYPE_CHECKING:
    from zstandard import ZstdCompressionDict

MAGIC = b"coldforge-delta1"
STEP = struct.Struct(">cQQII")
COPY, NEW, END = b"C", b"N", b"E"
LEVEL = 8
WORKERS = min(2, os.cpu_count() or 1)  # a full piece takes 300 MB of memory


def encode(base: Path, new: Path, out: BinaryIO, advance: Callable[[int], object]) -> None:
    """Write what makes `new` out of `base`; `advance` is told of the bytes of `new`."""
    out.write(MAGIC)
    with Blob(base) as old, Blob(new) as made, ThreadPoolExecutor(WORKERS) as pool:
        for step, packed in _packed(match(old, made, lambda n: advance(n // 2)), old, made, pool):
            if packed is None:
                out.write(STEP.pack(COPY, step.size, step.base, 0, 0))
            else:
                data = packed.result()
                out.write(STEP.pack(NEW, step.size, step.base, step.region, len(data)) + data)
            advance(step.size - step.size // 2)
    out.write(STEP.pack(END, 0, 0, 0, 0))


def decode(base: Path, source: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the `size` bytes that were encoded against `base`.

    Raise ColdforgeError on damage and if `base` is not there. The caller checks the digest.
    """
    try:
        old = Blob(base)
    except FileNotFoundError as error:
        raise ColdforgeError(
            f"{base.name}, which a delta is against, is not here", "have it sent whole"
        ) from error
    with old:
        if _exactly(source, len(MAGIC)) != MAGIC:
            raise damaged("it is no delta")
        while step := _next(source, old.size, size):
            yield from _made(old, step, source)
            size -= step[1].size
        if size:
            raise damaged(f"{size} bytes are missing")
        if source.read(1):
            raise damaged("it goes on after its end")


def _packed(
    steps: Iterator[Step], old: Blob, made: Blob, pool: ThreadPoolExecutor
) -> Iterator[tuple[Step, Future[bytes] | None]]:
    """Pack ahead, a few pieces at a time."""
    waiting: deque[tuple[Step, Future[bytes] | None]] = deque()
    offset = 0
    for step in steps:
        job = None if step.region < 0 else pool.submit(_pack, old, step, made, offset)
        waiting.append((step, job))
        offset += step.size
        if len(waiting) > WORKERS:
            yield waiting.popleft()
    yield from waiting


def _pack(old: Blob, step: Step, made: Blob, offset: int) -> bytes:
    import zstandard

    # The table is to know a place for every other byte of the region; zstd's own choice, made for
    # small dictionaries, would overlook most of it.
    table = max(14, (max(step.region, step.size) - 1).bit_length() - 1)
    shape: dict[str, Any] = {"hash_log": table, "chain_log": table, "write_checksum": True}
    shape["window_log"] = max(17, (step.size + step.region).bit_length())
    parameters = zstandard.ZstdCompressionParameters.from_level(LEVEL, **shape)
    dictionary = _dictionary(old.read(step.base, step.region))
    compressor = zstandard.ZstdCompressor(compression_params=parameters, dict_data=dictionary)
    packed: bytes = compressor.compress(made.read(offset, step.size))
    return packed


def _dictionary(region: bytes) -> "ZstdCompressionDict | None":
    import zstandard

    raw = zstandard.DICT_TYPE_RAWCONTENT
    return zstandard.ZstdCompressionDict(region, dict_type=raw) if region else None


def _next(source: BinaryIO, held: int, left: int) -> tuple[bytes, Step, int] | None:
    """Read and check a step's head: what, the step, the size of its frame; None at the end."""
    what, size, base, region, packed = STEP.unpack(_exactly(source, STEP.size))
    if what == END and not (size or base or region or packed):
        return None
    reach = size if what == COPY else region
    right = 0 < size <= left and base + reach <= held
    if what == COPY:
        right &= not (region or packed)
    else:
        right &= what == NEW and size <= PIECE and region <= most_region(size)
        right &= packed <= size + size // 128 + 1024
    if not right:
        raise damaged("a step that cannot be")
    return what, Step(size, base, region), packed


def _made(old: Blob, head: tuple[bytes, Step, int], source: BinaryIO) -> Iterator[bytes]:
    what, step, packed = head
    if what == NEW:
        yield _unpack(old.read(step.base, step.region), _exactly(source, packed), step.size)
        return
    for start in range(step.base, step.base + step.size, CHUNK):
        yield old.read(start, min(CHUNK, step.base + step.size - start))


def _unpack(region: bytes, packed: bytes, size: int) -> bytes:
    import zstandard

    try:
        if zstandard.get_frame_parameters(packed).content_size != size:
            raise damaged("a piece of another size")
        decompressor = zstandard.ZstdDecompressor(dict_data=_dictionary(region))
        made: bytes = decompressor.decompress(packed, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise damaged(str(error)) from error
    return made


def _exactly(source: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, in as many reads as it takes."""
    parts = []
    while size:
        part = source.read(size)
        if not part:
            raise damaged("it ends early")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
