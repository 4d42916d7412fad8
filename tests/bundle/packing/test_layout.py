from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.bundle.format.index import decode, encode
from coldforge.bundle.format.volume import trailer
from coldforge.bundle.packing.layout import arrange, place_items, without_hashes
from coldforge.errors import ColdforgeError
from tests.bundle.bundles import contents_of


@given(st.lists(st.integers(0, 300)), st.integers(1, 200))
def test_every_byte_of_every_item_has_one_place(sizes: list[int], room: int) -> None:
    taken: dict[int, int] = {}
    for size, pieces in zip(sizes, place_items(sizes, room), strict=True):
        assert sum(piece.size for piece in pieces) == size
        assert all(piece.size for piece in pieces)
        for piece in pieces:
            assert piece.offset == taken.get(piece.volume, 0)
            taken[piece.volume] = piece.offset + piece.size
            assert taken[piece.volume] <= room
    assert sorted(taken) == list(range(1, len(taken) + 1))


@given(st.lists(st.integers(1, 300)), st.integers(1, 200))
def test_an_item_is_cut_only_if_it_is_bigger_than_a_volume(sizes: list[int], room: int) -> None:
    for size, pieces in zip(sizes, place_items(sizes, room), strict=True):
        assert len(pieces) == 1 or size > room


def test_without_a_split_there_is_one_volume(tmp_path: Path) -> None:
    index = arrange(contents_of(tmp_path, {"a": bytes(100), "b": bytes(200)}), 0, 0.1, 0)
    assert [volume.size for volume in index.volumes] == [300]


@given(
    sizes=st.lists(st.integers(0, 3_000_000), min_size=1, max_size=12),
    split=st.integers(400_000, 2_000_000),
    share=st.sampled_from([0.0, 0.1, 1.0]),
)
def test_no_volume_grows_beyond_the_split_trailer_and_all(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], split: int, share: float
) -> None:
    folder = tmp_path_factory.mktemp("sources")
    made = contents_of(folder, {})
    random = Random(1)
    sources = [contents_of(folder, {str(size): b""}).items[0] for size in sizes]
    content = []
    for number, (source, size) in enumerate(zip(sources, sizes, strict=True)):
        path = folder / f"file-{number}"
        with path.open("wb") as stream:
            stream.truncate(size)
        fields = {"sha256": random.randbytes(32).hex(), "size": size, "path": path}
        content.append(type(source)(**{**_fields(source), **fields}))
    made = type(made)(**{**_fields(made), "items": content})
    index = arrange(made, split, share, 500)
    # Hashes that do not compress: the worst that may come in the zeros' place.
    worst = encode(index).replace(b"0" * 64, random.randbytes(32).hex().encode())
    tail = len(trailer("data", 1, split, worst, random.randbytes(500)))
    for volume in (*index.volumes, *index.parity_volumes):
        assert volume.size + tail <= split
    assert decode(encode(index)) == index


def _fields(value: object) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__struct_fields__}  # type: ignore[attr-defined]


def test_a_split_too_small_for_the_trailer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="too small for this bundle"):
        arrange(contents_of(tmp_path, {"a": bytes(1000)}), 20_000, 0.0, 0)


def test_a_parity_of_more_than_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="200% is impossible"):
        arrange(contents_of(tmp_path, {"a": b"a"}), 0, 2.0, 0)


def test_a_plan_is_what_is_left_of_an_index_without_time_and_hashes(tmp_path: Path) -> None:
    first = arrange(contents_of(tmp_path, {"a": b"a"}, serial=1), 0, 0.1, 0)
    later = arrange(contents_of(tmp_path, {"a": b"a"}, serial=2), 0, 0.1, 0)
    other = arrange(contents_of(tmp_path, {"a": b"b"}, serial=1), 0, 0.1, 0)
    assert without_hashes(first) == without_hashes(later) != without_hashes(other)


def test_a_source_that_is_gone_is_named(tmp_path: Path) -> None:
    made = contents_of(tmp_path, {"torch 2": b"a"})
    made.items[0].path.unlink()
    with pytest.raises(ColdforgeError, match=r"torch 2 .* is damaged here") as caught:
        arrange(made, 0, 0.0, 0)
    assert "./invokew mirror.verify" in caught.value.hint
