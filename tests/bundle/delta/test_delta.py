import hashlib
import io
import random
import struct
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from coldforge.bundle.delta import delta
from coldforge.bundle.delta.match import MAX_PIECE, MIN_REGION
from coldforge.errors import ColdforgeError
from tests.bootstrap.tools import tar

Members = dict[str, bytes]
NAMES = st.sampled_from(["a/x.py", "a/lib.so", "b/LICENSE", "b/lib.so.2", "c", "d" * 120])
CONTENTS = st.builds(
    lambda seed, size: random.Random(seed).randbytes(size // 8) * 8,
    st.integers(0, 5),
    st.sampled_from([0, 1, 511, 512, 5_000, 40_000, 200_000]),
)
LAYERS = st.dictionaries(NAMES, CONTENTS, max_size=6)


class Pair:
    """A base and what is told apart from it, on disk."""

    def __init__(self, folder: Path, base: bytes, new: bytes) -> None:
        self.base, self.new, self.data = folder / "base", folder / "new", new
        self.base.write_bytes(base)
        self.new.write_bytes(new)

    def encoded(self) -> bytes:
        out = io.BytesIO()
        told: list[int] = []
        delta.encode(self.base, self.new, out, told.append)
        assert sum(told) == len(self.data)
        return out.getvalue()

    def decoded(self, data: bytes) -> bytes:
        """Decode as far as it goes, and never further than the size."""
        got = b""
        for chunk in delta.decode(self.base, Trickle(data), len(self.data)):
            got += chunk
            assert len(got) <= len(self.data)
        return got


class Trickle(io.BytesIO):
    """Give fewer bytes than asked for, as raw streams may."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size, 1000) if size and size > 0 else size)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("delta")


@given(base=LAYERS, new=LAYERS)
def test_a_layer_comes_out_as_it_was(folder: Path, base: Members, new: Members) -> None:
    pair = Pair(folder, tar(base), tar(new))
    assert pair.decoded(pair.encoded()) == pair.data


@given(base=st.binary(max_size=3000), new=st.binary(max_size=3000), at=st.integers(0, 3000))
def test_what_is_no_tar_comes_out_as_it_was(folder: Path, base: bytes, new: bytes, at: int) -> None:
    for data in (new, base[:at] + new + base[at:], b""):
        pair = Pair(folder, base, data)
        assert pair.decoded(pair.encoded()) == data


def test_what_is_longer_than_a_piece_comes_out_as_it_was(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(3_000_000)
    old = noise * 12
    new = noise * 11 + b"moved" + noise + bytes(MAX_PIECE)
    pair = Pair(tmp_path, old, new)
    data = pair.encoded()
    assert len(data) < 100_000
    made = hashlib.sha256(b"".join(delta.decode(pair.base, io.BytesIO(data), len(new))))
    assert made.hexdigest() == hashlib.sha256(new).hexdigest()


def test_members_in_another_order_are_copied(tmp_path: Path) -> None:
    parts = {name: random.Random(name).randbytes(100_000) for name in "abcdef"}
    turned = dict(reversed(parts.items()))
    assert len(Pair(tmp_path, tar(parts), tar(turned)).encoded()) < 1500


def test_a_member_under_another_name_is_copied(tmp_path: Path) -> None:
    lib = random.Random(1).randbytes(1_000_000)
    pair = Pair(tmp_path, tar({"lib.so.1": lib}), tar({"before": b"x" * 9000, "lib.so.2": lib}))
    assert len(pair.encoded()) < 1000


def test_a_library_that_moved_a_version_costs_what_changed(tmp_path: Path) -> None:
    lib = random.Random(1).randbytes(2_000_000)
    moved = lib[:700_000] + random.Random(2).randbytes(1000) + lib[700_900:]
    pair = Pair(tmp_path, tar({"a": lib[::-1], "lib": lib}), tar({"a": lib[::-1], "lib": moved}))
    assert len(pair.encoded()) < 5000


def test_the_same_pair_gives_the_same_bytes_however_many_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lib = random.Random(1).randbytes(300_000)
    new = tar({str(number): lib[number::2] for number in range(8)})
    pair = Pair(tmp_path, tar({"lib": lib}), new)
    monkeypatch.setattr(delta, "WORKERS", 1)
    alone = pair.encoded()
    monkeypatch.setattr(delta, "WORKERS", 4)
    assert pair.encoded() == alone


def test_a_base_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="nowhere"):
        list(delta.decode(tmp_path / "nowhere", io.BytesIO(delta.MAGIC), 1))


def stream(*steps: bytes) -> bytes:
    return delta.MAGIC + b"".join(steps)


def head(what: bytes, size: int, base: int = 0, region: int = 0, packed: int = 0) -> bytes:
    return struct.pack(">cQQII", what, size, base, region, packed)


END = head(b"E", 0)
ZIP = zstandard.ZstdCompressor().compress(bytes(100))
BOMB = zstandard.ZstdCompressor().compress(bytes(MAX_PIECE))
LYING = ZIP[: zstandard.frame_header_size(ZIP)] + BOMB[zstandard.frame_header_size(BOMB) :]
HOSTILE = {
    "nothing": b"",
    "another form": b"coldforge-delta2" + END,
    "no step": stream(),
    "an unknown step": stream(head(b"X", 100), END),
    "no end": stream(head(b"C", 100)),
    "an early end": stream(head(b"C", 99), END),
    "an end that makes bytes": stream(head(b"C", 100), head(b"E", 1)),
    "more after the end": stream(head(b"C", 100), END, b"x"),
    "a copy of nothing": stream(head(b"C", 0), head(b"C", 100), END),
    "a copy of too much": stream(head(b"C", 101), END),
    "a copy of far too much": stream(head(b"C", 2**64 - 1), END),
    "a copy from outside": stream(head(b"C", 100, 901), END),
    "a copy from far outside": stream(head(b"C", 100, 2**64 - 1), END),
    "a copy with a dictionary": stream(head(b"C", 100, 0, 1), END),
    "a copy with a frame": stream(head(b"C", 100, 0, 0, 1), b"x", END),
    "a dictionary outside": stream(head(b"N", 100, 901, 100, len(ZIP)), ZIP, END),
    "a dictionary too large": stream(head(b"N", 100, 0, 300 + MIN_REGION + 1, len(ZIP)), ZIP, END),
    "a frame that is cut": stream(head(b"N", 100, 0, 0, len(ZIP) - 1), ZIP[:-1]),
    "a frame that is not there": stream(head(b"N", 100, 0, 0, len(ZIP))),
    "a frame too large": stream(head(b"N", 100, 0, 0, 2**32 - 1), ZIP, END),
    "a frame of another size": stream(head(b"N", 99, 0, 0, len(ZIP)), ZIP, END),
    "two frames": stream(head(b"N", 100, 0, 0, 2 * len(ZIP)), ZIP, ZIP, END),
    "no frame": stream(head(b"N", 100, 0, 0, 30), bytes(30), END),
    "an empty frame": stream(head(b"N", 100, 0, 0, 0), END),
    "a bomb": stream(head(b"N", 100, 0, 0, len(BOMB)), BOMB, END),
    "a bomb that lies": stream(head(b"N", 100, 0, 0, len(LYING)), LYING, END),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_stream_that_no_encoder_wrote_is_refused(tmp_path: Path, data: bytes) -> None:
    pair = Pair(tmp_path, bytes(1000), bytes(100))
    with pytest.raises(ColdforgeError, match="damaged"):
        pair.decoded(data)


def test_the_hostile_streams_are_wrong_in_one_thing_only(tmp_path: Path) -> None:
    pair = Pair(tmp_path, bytes(1000), bytes(100))
    for right in (head(b"C", 100, 900), head(b"N", 100, 900, 100, len(ZIP)) + ZIP):
        assert pair.decoded(stream(right, END)) == bytes(100)


@given(place=st.integers(0, 10**6), value=st.integers(1, 255), junk=st.binary(max_size=60))
def test_damage_is_an_error_and_never_too_many_bytes(
    folder: Path, place: int, value: int, junk: bytes
) -> None:
    lib = random.Random(1).randbytes(30_000)
    pair = Pair(folder, tar({"a": lib, "b": lib[:900]}), tar({"a": lib, "b": lib[:950]}))
    whole = pair.encoded()
    place %= len(whole)
    spoilt = bytearray(whole)
    spoilt[place] ^= value
    for wrong in (bytes(spoilt), whole[:place], whole[:place] + junk, delta.MAGIC + junk):
        try:
            pair.decoded(wrong)
        except ColdforgeError as error:
            assert error.hint


LARGE = MIN_REGION + 1000
REGION = 3 * 100 + MIN_REGION


@pytest.mark.parametrize(("region", "fits"), [(REGION, True), (REGION + 1, False)])
def test_a_dictionary_is_bounded_by_the_piece(tmp_path: Path, region: int, fits: bool) -> None:
    pair = Pair(tmp_path, bytes(LARGE), bytes(100))
    data = stream(head(b"N", 100, 0, region, len(ZIP)), ZIP, END)
    if fits:
        assert pair.decoded(data) == bytes(100)
    else:
        with pytest.raises(ColdforgeError, match="an invalid step"):
            pair.decoded(data)


@pytest.mark.parametrize(("size", "fits"), [(MAX_PIECE, True), (MAX_PIECE + 1, False)])
def test_a_piece_has_32_mebibytes_at_most(tmp_path: Path, size: int, fits: bool) -> None:
    pair = Pair(tmp_path, b"", bytes(size))
    packed = zstandard.ZstdCompressor().compress(bytes(size))
    data = stream(head(b"N", size, 0, 0, len(packed)), packed, END)
    if fits:
        assert pair.decoded(data) == pair.data
    else:
        with pytest.raises(ColdforgeError, match="an invalid step"):
            pair.decoded(data)


@pytest.mark.parametrize(("packed", "read"), [(100 + 1024, True), (100 + 1025, False)])
def test_a_frame_far_larger_than_its_piece_is_not_read(
    tmp_path: Path, packed: int, read: bool
) -> None:
    pair = Pair(tmp_path, b"", bytes(100))
    before = stream(head(b"N", 100, 0, 0, packed))
    source = io.BytesIO(before + bytes(packed))
    with pytest.raises(ColdforgeError, match="damaged"):
        list(delta.decode(pair.base, source, 100))
    assert source.tell() == len(before) + (packed if read else 0)


def test_a_piece_and_its_region_are_those_of_every_release() -> None:
    assert (MAX_PIECE, MIN_REGION) == (32 << 20, 1 << 20)
