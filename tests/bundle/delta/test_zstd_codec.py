import io
from pathlib import Path

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from coldforge.bundle.delta import zstd_codec
from coldforge.errors import ColdforgeError


def packed(data: bytes, folder: Path) -> bytes:
    path = folder / "layer.tar"
    path.write_bytes(data)
    out = io.BytesIO()
    zstd_codec.compress(path, out, lambda count: None)
    return out.getvalue()


def unpacked(data: bytes, size: int) -> bytes:
    """Unpack as far as it goes, and never further than `size`."""
    got = b""
    for chunk in zstd_codec.decompress(io.BytesIO(data), size):
        got += chunk
        assert len(got) <= size
    return got


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("codec")


@given(data=st.binary(max_size=3000), times=st.integers(1, 300))
@example(data=b"", times=1)
@example(data=b"coldforge", times=400_000)
def test_what_was_packed_comes_out(folder: Path, data: bytes, times: int) -> None:
    assert unpacked(packed(data * times, folder), len(data) * times) == data * times


def test_packing_tells_of_every_byte_read(tmp_path: Path) -> None:
    path = tmp_path / "layer.tar"
    path.write_bytes(bytes(2_500_000))
    told: list[int] = []
    zstd_codec.compress(path, io.BytesIO(), told.append)
    assert sum(told) == 2_500_000
    assert len(told) == 3


def test_a_packed_layer_says_its_size_and_carries_a_checksum(tmp_path: Path) -> None:
    said = zstandard.get_frame_parameters(packed(bytes(5_000_000), tmp_path))
    assert said.content_size == 5_000_000
    assert said.has_checksum


def test_a_byte_too_many_is_refused_before_it_is_handed_out(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="more than 2999999 bytes"):
        unpacked(packed(bytes(3_000_000), tmp_path), 2_999_999)


def test_a_bomb_is_refused_without_being_read_to_its_end() -> None:
    source = io.BytesIO(zstandard.ZstdCompressor().compress(bytes(50_000_000)) * 1000)
    with pytest.raises(ColdforgeError, match="more than"):
        list(zstd_codec.decompress(source, 1_000_000))
    assert source.tell() < len(source.getvalue()) / 4


@pytest.mark.parametrize("kept", [0, 3, 10, 0.5, 0.99])
def test_a_cut_end_is_found(tmp_path: Path, kept: float) -> None:
    data = bytes(range(256)) * 20_000
    whole = packed(data, tmp_path)
    part = whole[: kept if isinstance(kept, int) else int(len(whole) * kept)]
    with pytest.raises(ColdforgeError, match="damaged"):
        unpacked(part, len(data))


def test_bytes_after_the_end_are_found(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="damaged"):
        unpacked(packed(b"layer", tmp_path) + b"more", 5)


def test_a_window_that_needs_more_memory_is_refused() -> None:
    shape = zstandard.ZstdCompressionParameters(window_log=28)
    compressor = zstandard.ZstdCompressor(compression_params=shape).compressobj()
    data = compressor.compress(bytes(1000)) + compressor.flush()
    with pytest.raises(ColdforgeError, match="damaged"):
        unpacked(data, 1000)


@given(place=st.integers(0, 2000), value=st.integers(1, 255), junk=st.binary(max_size=200))
def test_damage_is_an_error_or_harmless(folder: Path, place: int, value: int, junk: bytes) -> None:
    data = b"".join(str(number).encode() for number in range(1000))
    spoilt = bytearray(packed(data, folder))
    spoilt[place % len(spoilt)] ^= value
    for wrong in (bytes(spoilt), junk, bytes(spoilt[: place % len(spoilt)])):
        try:
            assert unpacked(wrong, len(data)) == data
        except ColdforgeError as error:
            assert error.hint


def test_a_window_of_128_mebibytes_is_read() -> None:
    shape = zstandard.ZstdCompressionParameters(window_log=27)
    compressor = zstandard.ZstdCompressor(compression_params=shape).compressobj()
    data = compressor.compress(bytes(1000)) + compressor.flush()
    assert unpacked(data, 1000) == bytes(1000)
