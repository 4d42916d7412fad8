"""Encode a layer as a delta against a base: ranges copied from the base, and new bytes.

Tar members that both have are copied. New bytes are compressed in pieces, each with the similar
part of the base as its dictionary (as in `zstd --patch-from`), so that a new version of a library
costs what changed in it. Memory stays below 1 GB for layers of any size.

Format: b"coldforge-delta1", then steps, all numbers big-endian: u8 type (C copy, N new, E end), u64
output size, u64 offset in the base, u32 bytes of the base that are the dictionary, u32
bytes of the zstd frame that follows. Source: RFC 8878.
"""

import os
import struct
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from coldforge.bundle.delta.match import MAX_PIECE, DeltaStep, match, max_region
from coldforge.bundle.delta.tar_chunks import BlobReader
from coldforge.bundle.delta.zstd_codec import damaged
from coldforge.errors import ColdforgeError
from coldforge.files.digest import CHUNK

if TYPE_CHECKING:
    from zstandard import ZstdCompressionDict

MAGIC = b"coldforge-delta1"
STEP_HEAD = struct.Struct(">cQQII")
COPY, NEW, END = b"C", b"N", b"E"
LEVEL = 8
WORKERS = min(2, os.cpu_count() or 1)  # a full piece takes 300 MB of memory


def encode(base: Path, new: Path, out: BinaryIO, advance: Callable[[int], object]) -> None:
    """Write the delta from `base` to `new`; `advance` gets the bytes of `new` done."""
    out.write(MAGIC)
    with BlobReader(base) as old, BlobReader(new) as made, ThreadPoolExecutor(WORKERS) as pool:
        for step, packed in _compressed_steps(
            match(old, made, lambda n: advance(n // 2)), old, made, pool
        ):
            if packed is None:
                out.write(STEP_HEAD.pack(COPY, step.size, step.base, 0, 0))
            else:
                data = packed.result()
                out.write(STEP_HEAD.pack(NEW, step.size, step.base, step.region, len(data)) + data)
            advance(step.size - step.size // 2)
    out.write(STEP_HEAD.pack(END, 0, 0, 0, 0))


def decode(base: Path, source: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the `size` bytes that were encoded against `base`.

    Raise ColdforgeError on damage and if `base` is not there. The caller checks the digest.
    """
    try:
        old = BlobReader(base)
    except FileNotFoundError as error:
        raise ColdforgeError(
            f"{base.name}, the base of a delta, is not here",
            "run mirror.have and ask the sender for a bundle made with it",
        ) from error
    with old:
        if _exactly(source, len(MAGIC)) != MAGIC:
            raise damaged("it is not a delta")
        while step := _read_head(source, old.size, size):
            yield from _output(old, step, source)
            size -= step[1].size
        if size:
            raise damaged(f"{size} bytes are missing")
        if source.read(1):
            raise damaged("it goes on after its end")


def _compressed_steps(
    steps: Iterator[DeltaStep], old: BlobReader, made: BlobReader, pool: ThreadPoolExecutor
) -> Iterator[tuple[DeltaStep, Future[bytes] | None]]:
    """Compress ahead, a few pieces at a time."""
    waiting: deque[tuple[DeltaStep, Future[bytes] | None]] = deque()
    offset = 0
    for step in steps:
        job = None if step.region < 0 else pool.submit(_compress, old, step, made, offset)
        waiting.append((step, job))
        offset += step.size
        if len(waiting) > WORKERS:
            yield waiting.popleft()
    yield from waiting


def _compress(old: BlobReader, step: DeltaStep, made: BlobReader, offset: int) -> bytes:
    import zstandard

    # The table holds an entry for every other byte of the region; zstd's own choice, made for
    # small dictionaries, would miss most of it.
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


def _read_head(source: BinaryIO, held: int, left: int) -> tuple[bytes, DeltaStep, int] | None:
    """Read and check a step's head: type, step, size of its frame; None at the end."""
    kind, size, base, region, packed = STEP_HEAD.unpack(_exactly(source, STEP_HEAD.size))
    if kind == END and not (size or base or region or packed):
        return None
    reach = size if kind == COPY else region
    valid = 0 < size <= left and base + reach <= held
    if kind == COPY:
        valid &= not (region or packed)
    else:
        valid &= kind == NEW and size <= MAX_PIECE and region <= max_region(size)
        valid &= packed <= size + size // 128 + 1024
    if not valid:
        raise damaged("an invalid step")
    return kind, DeltaStep(size, base, region), packed


def _output(
    old: BlobReader, head: tuple[bytes, DeltaStep, int], source: BinaryIO
) -> Iterator[bytes]:
    kind, step, packed = head
    if kind == NEW:
        yield _decompress(old.read(step.base, step.region), _exactly(source, packed), step.size)
        return
    for start in range(step.base, step.base + step.size, CHUNK):
        yield old.read(start, min(CHUNK, step.base + step.size - start))


def _decompress(region: bytes, packed: bytes, size: int) -> bytes:
    import zstandard

    try:
        if zstandard.get_frame_parameters(packed).content_size != size:
            raise damaged("a piece has another size")
        decompressor = zstandard.ZstdDecompressor(dict_data=_dictionary(region))
        made: bytes = decompressor.decompress(packed, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise damaged(str(error)) from error
    return made


def _exactly(source: BinaryIO, size: int) -> bytes:
    """Read exactly `size` bytes; raise ColdforgeError at the end of the stream."""
    parts = []
    while size:
        part = source.read(size)
        if not part:
            raise damaged("it ends early")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
