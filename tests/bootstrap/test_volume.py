import hashlib
import io
import os
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from coldforge.bootstrap import volume
from coldforge.bootstrap.volume import (
    FOOTER,
    MAGIC,
    open_regular,
    read_footer,
    read_index,
    read_signatures,
)
from coldforge.bundle.format import volume as writing
from coldforge.errors import RefusedError

INDEX, SIGNATURES, PAYLOAD = b'{"index": 1}', b'{"signatures": []}', b"payload" * 9
WHOLE = PAYLOAD + writing.trailer("data", 7, len(PAYLOAD), INDEX, SIGNATURES)


def test_what_is_written_is_read() -> None:
    for kind in ("data", "parity"):
        trailer = writing.trailer(kind, 7, 3, INDEX, SIGNATURES)  # type: ignore[arg-type]
        stream = io.BytesIO(b"abc" + trailer)
        footer = read_footer(stream)
        assert footer is not None
        assert (footer.kind, footer.number, footer.payload) == (kind, 7, 3)
        assert footer.bundle == hashlib.sha256(INDEX).hexdigest()
        assert read_index(stream, footer) == INDEX
        assert read_signatures(stream, footer) == SIGNATURES


def test_both_sides_mean_the_same_form() -> None:
    assert (writing.FOOTER.format, writing.MAGIC) == (FOOTER.format, MAGIC)
    assert {mark: name for name, mark in writing.KINDS.items()} == volume.KINDS


@given(some.integers(0, len(WHOLE) - 1), some.integers(1, 255))
def test_a_changed_byte_gives_the_right_index_or_none(place: int, change: int) -> None:
    data = bytearray(WHOLE)
    data[place] ^= change
    stream = io.BytesIO(bytes(data))
    footer = read_footer(stream)
    if footer is not None:
        assert read_index(stream, footer) in (INDEX, None)
        assert read_signatures(stream, footer) in (SIGNATURES, None)


@given(some.integers(0, len(WHOLE)))
def test_a_volume_cut_short_has_no_footer(size: int) -> None:
    assert (read_footer(io.BytesIO(WHOLE[:size])) is None) == (size < len(WHOLE))


@given(some.binary(max_size=200), some.binary(min_size=FOOTER.size - 20, max_size=FOOTER.size - 20))
def test_no_bytes_whatever_raise(before: bytes, after: bytes) -> None:
    stream = io.BytesIO(before + MAGIC + b"data" + after)
    footer = read_footer(stream)
    if footer is not None:
        read_index(stream, footer)
        read_signatures(stream, footer)


def bomb(size: int) -> tuple[io.BytesIO, volume.Footer]:
    """A volume whose signatures unpack to `size` bytes."""
    packed = zlib.compress(bytes(size), 9)
    stream = io.BytesIO(packed)
    return stream, volume.Footer("data", 1, 0, 0, len(packed), "")


def test_a_bomb_is_not_unpacked() -> None:
    stream, footer = bomb(volume.MAX_SIGNATURES)
    assert read_signatures(stream, footer) == bytes(volume.MAX_SIGNATURES)
    stream, footer = bomb(volume.MAX_SIGNATURES + 1)
    assert read_signatures(stream, footer) is None


def test_bytes_after_the_packed_ones_are_refused() -> None:
    packed = zlib.compress(SIGNATURES) + b"more"
    footer = volume.Footer("data", 1, 0, 0, len(packed), "")
    assert read_signatures(io.BytesIO(packed), footer) is None


def test_only_plain_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with open_regular(tmp_path / "file") as stream:
        assert stream.read() == b"x"
    for name in ("link", "dangling", "pipe", "folder"):
        with pytest.raises(RefusedError) as caught:
            open_regular(tmp_path / name)
        assert name in caught.value.message


def test_the_limits_are_those_of_every_release() -> None:
    assert (volume.MAX_INDEX, volume.MAX_SIGNATURES) == (256 << 20, 1 << 20)


def test_signatures_of_a_mebibyte_are_read_and_no_more() -> None:
    for size, read in ((1 << 20, bytes(1 << 20)), ((1 << 20) + 1, None)):
        stream, footer = bomb(size)
        assert read_signatures(stream, footer) == read


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
def test_an_index_is_unpacked_up_to_its_limit(
    monkeypatch: pytest.MonkeyPatch, size: int, fits: bool
) -> None:
    monkeypatch.setattr(volume, "MAX_INDEX", 1000)
    data = bytes(size)
    stream = io.BytesIO(writing.trailer("data", 1, 0, data, b""))
    footer = read_footer(stream)
    assert footer is not None
    assert read_index(stream, footer) == (data if fits else None)


def stored(size: int) -> bytes:
    """A zlib stream of `size` bytes that unpacks to next to nothing: empty blocks."""
    blocks, rest = divmod(size - 2 - 5 - 4, 5)
    content = bytes(rest)
    last = (
        b"\1" + len(content).to_bytes(2, "little") + (0xFFFF - len(content)).to_bytes(2, "little")
    )
    check = zlib.adler32(content).to_bytes(4, "big")
    return b"\x78\x9c" + b"\0\0\0\xff\xff" * blocks + last + content + check


@pytest.mark.parametrize("more", [0, 1])
def test_packed_bytes_that_are_too_many_are_not_even_read(more: int) -> None:
    data = stored((1 << 20) + 1024 + more)
    stream, footer = io.BytesIO(data), volume.Footer("data", 1, 0, 0, len(data), "")
    read = read_signatures(stream, footer)
    assert (read is None, stream.tell()) == ((True, 0) if more else (False, len(data)))
