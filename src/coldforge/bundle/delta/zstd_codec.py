"""Compress layers, which are uncompressed tars, as one zstd frame each.

Source: RFC 8878 (zstd). Level 3 with matches up to 128 MiB back (`zstd --long=27`, which every
zstd reads) makes a layer 5 % smaller than level 3 without; level 6 gains as much again but takes
more than twice as long.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from coldforge.errors import ColdforgeError

CHUNK = 1 << 20
LEVEL = 3
WINDOW_LOG = 27  # 128 MiB: the most that zstd accepts by default


def compress(path: Path, out: BinaryIO, advance: Callable[[int], object]) -> None:
    """Compress a file with all cores; `advance` gets the bytes read.

    The result does not depend on the number of cores.
    """
    import zstandard

    size = path.stat().st_size
    shape: dict[str, Any] = {"enable_ldm": True, "window_log": WINDOW_LOG, "threads": -1}
    shape |= {"write_checksum": True, "write_content_size": True}
    parameters = zstandard.ZstdCompressionParameters.from_level(LEVEL, source_size=size, **shape)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=size)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            out.write(compressor.compress(chunk))
            advance(len(chunk))
    out.write(compressor.flush())


def decompress(source: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield `size` decompressed bytes in chunks, using at most 128 MiB of memory.

    Raise ColdforgeError on damage, and before yielding too many bytes. The caller checks the
    digest.
    """
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << WINDOW_LOG)
    left = size
    try:
        with decompressor.stream_reader(source, read_across_frames=True, closefd=False) as reader:
            while chunk := reader.read(CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise damaged(f"it holds more than {size} bytes")
                yield chunk
    except zstandard.ZstdError as error:
        raise damaged(str(error)) from error
    if left:
        raise damaged(f"{left} of {size} bytes are missing")


def damaged(why: str) -> ColdforgeError:
    """Return the error for encoded bytes that do not decode."""
    return ColdforgeError(f"encoded bytes are damaged: {why}", "bring that volume again")
