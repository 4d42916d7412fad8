import hashlib
import io
from pathlib import Path

import pytest
import zstandard

from coldforge.bundle.delta import delta
from coldforge.bundle.packing.items import BundleItem
from coldforge.bundle.receiving.receive import receive
from coldforge.bundle.stores import Stores
from coldforge.errors import MissingInputError, RefusedError
from coldforge.paths import Workspace
from tests.bundle.bundles import (
    bundle,
    digests,
    make_item,
    random_bytes,
    visible_blobs,
)


def test_compressed_items_and_deltas_of_deltas_are_decoded(
    tmp_path: Path, out: Path, space: Workspace
) -> None:
    data = [
        random_bytes(1, 150_000),
        random_bytes(1, 150_000) + b"more",
        b"and " + random_bytes(1, 150_000),
    ]
    made = []
    for old, new in ((0, 1), (1, 2)):
        paths = [tmp_path / str(number) for number in (old, new)]
        for path, content in zip(paths, (data[old], data[new]), strict=True):
            path.write_bytes(content)
        encoded = io.BytesIO()
        delta.encode(paths[0], paths[1], encoded, lambda _: None)
        made.append(encoded.getvalue())
    base, middle = (hashlib.sha256(one).hexdigest() for one in data[:2])
    folder, packed = tmp_path / "in", zstandard.compress(data[0])
    items = [
        make_item(folder, "last", data[2], made[1], encoding="delta", base=middle, store="layout"),
        make_item(folder, "middle", data[1], made[0], encoding="delta", base=base, store="layout"),
        make_item(folder, "first", data[0], packed, encoding="zstd", store="layout"),
    ]
    bundle(out, items)
    assert receive(space, out).taken == 3
    assert visible_blobs(space) == digests(items)


def test_a_delta_against_what_is_not_here_is_named(
    tmp_path: Path, out: Path, items: list[BundleItem], space: Workspace
) -> None:
    odd = make_item(tmp_path / "in", "odd", b"x" * 9, b"y" * 9, encoding="delta", base="a" * 64)
    bundle(out, [*items, odd])
    with pytest.raises(MissingInputError, match="odd is a delta against aaaaaaaaaaaa…"):
        receive(space, out)
    assert visible_blobs(space) == digests(items)


def test_a_delta_whose_base_rotted_here_says_so(
    tmp_path: Path, out: Path, space: Workspace
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(random_bytes(1, 90_000))
    new.write_bytes(random_bytes(1, 90_000) + b"!")
    encoded = io.BytesIO()
    delta.encode(old, new, encoded, lambda _: None)
    base = hashlib.sha256(old.read_bytes()).hexdigest()
    rotten = Stores(space).path("mirror", base)
    rotten.parent.mkdir(parents=True)
    rotten.write_bytes(random_bytes(2, 90_000))
    item = make_item(
        tmp_path / "in", "new", new.read_bytes(), encoded.getvalue(), encoding="delta", base=base
    )
    bundle(out, [item])
    with pytest.raises(MissingInputError, match="damaged here"):
        receive(space, out)
    assert visible_blobs(space) == {base}


@pytest.mark.parametrize("encoding", ["raw", "zstd"])
def test_an_item_that_is_not_what_the_index_says_is_refused(
    tmp_path: Path, out: Path, items: list[BundleItem], space: Workspace, encoding: str
) -> None:
    data = b"x" * 5000
    packed = data if encoding == "raw" else zstandard.compress(b"y" * 5000)
    lie = make_item(tmp_path / "in", "lie", data, packed, encoding=encoding)
    if encoding == "raw":
        lie.path.rename(lie.path.with_name("kept"))
        fields = {"sha256": "b" * 64, "digest": "", "encoding": "zstd"}
        lie = make_item(tmp_path / "in", "lie", data, **fields)
    bundle(out, [*items, lie])
    with pytest.raises(RefusedError, match="lie does not match the index"):
        receive(space, out)
    assert visible_blobs(space) == digests(items)
