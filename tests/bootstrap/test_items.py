import hashlib
from pathlib import Path

import pytest

from coldforge.bootstrap.folder import scan
from coldforge.bootstrap.index import ToolIndex, ToolItem, parse_index
from coldforge.bootstrap.items import Items
from coldforge.bundle.format.index import encode
from coldforge.errors import MissingInputError
from tests.bootstrap.tools import bundle_with_tool
from tests.bundle.bundles import damage

SIZE = 400_000


class Bundle:
    """A bundle of two volumes and a fifth of parity, and where its items go."""

    def __init__(self, root: Path, share: float = 0.2) -> None:
        self.root, self.out, self.staging = root, root / "out", root / "staging"
        data = encode(bundle_with_tool(self.out, root / "in", SIZE, share=share, split=700_000))
        self.index: ToolIndex = parse_index(data)
        self.digest = hashlib.sha256(data).hexdigest()
        self.said: list[str] = []

    def take(self) -> None:
        """Take every item; the digest of each must be right."""
        part = self.root / "part"
        with Items(self.index, self.digest, scan(self.out), self.staging) as items:
            for item in self.index.items.values():
                items.extract(item, part, self.said.append)
                assert items.verify(item, part)
                part.unlink()

    def largest(self) -> ToolItem:
        return max(self.index.items.values(), key=lambda item: item.size)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle(tmp_path)


def test_items_are_read_from_sound_volumes(bundle: Bundle) -> None:
    bundle.take()
    assert bundle.said == []


def test_damage_is_repaired(bundle: Bundle) -> None:
    damage(bundle.out / "volume-001.cfv", (1000, 60_000), (300_000, 10), (500_000, 1))
    bundle.take()
    assert "trying to repair" in bundle.said[0]


def test_a_damaged_end_of_a_volume_is_no_harm(bundle: Bundle) -> None:
    path = bundle.out / "volume-001.cfv"
    damage(path, (path.stat().st_size - 40, 40))
    bundle.take()


def test_a_volume_that_says_it_is_another_is_found_by_its_name(bundle: Bundle) -> None:
    path = bundle.out / "volume-001.cfv"
    damage(path, (path.stat().st_size - 32, 32), (path.stat().st_size - 54, 2))
    bundle.take()


def test_a_lost_volume_without_enough_parity_is_named(bundle: Bundle) -> None:
    (bundle.out / "volume-001.cfv").unlink()
    with pytest.raises(MissingInputError, match=r"missing: it is in volume-001\.cfv") as caught:
        bundle.take()
    assert caught.value.exit_code == 3
    assert not (bundle.root / "part").exists()


def test_damage_without_parity_is_named(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path, share=0.0)
    damage(bundle.out / "volume-001.cfv", (1000, 1))
    with pytest.raises(MissingInputError, match="beyond repair"):
        bundle.take()


def test_a_file_that_is_not_the_item_is_told_from_it(bundle: Bundle) -> None:
    place = bundle.root / "blob"
    with Items(bundle.index, bundle.digest, scan(bundle.out), bundle.staging) as items:
        assert not items.verify(bundle.largest(), place)
        place.write_bytes(b"wrong")
        assert not items.verify(bundle.largest(), place)


def test_volumes_may_come_one_at_a_time_in_any_order(bundle: Bundle) -> None:
    away = bundle.root / "away"
    away.mkdir()
    volumes = sorted(bundle.out.glob("*.cfv"))
    for volume in [*volumes, bundle.out / "index.json", bundle.out / "signatures.json"]:
        volume.rename(away / volume.name)
    damage(away / "volume-001.cfv", (2000, 50_000))
    ends = []
    for volume in reversed(volumes):
        (away / volume.name).rename(volume)
        try:
            bundle.take()
            ends.append("whole")
        except MissingInputError as error:
            assert "what is intact so far is kept" in error.hint
            with Items(bundle.index, bundle.digest, scan(bundle.out), bundle.staging) as items:
                items.keep_shards()
            ends.append("kept")
        volume.unlink()
    assert ends == ["kept"] * (len(volumes) - 1) + ["whole"]


def test_what_was_kept_is_proved_again(bundle: Bundle) -> None:
    (bundle.out / "volume-002.cfv").rename(bundle.root / "volume-002.cfv")
    with Items(bundle.index, bundle.digest, scan(bundle.out), bundle.staging) as items:
        items.keep_shards()
    (bundle.out / "volume-001.cfv").unlink()
    (bundle.root / "volume-002.cfv").rename(bundle.out / "volume-002.cfv")
    damage(bundle.staging / "data-001", (0, 100), (200_000, 100))
    bundle.take()
    assert any("trying to repair" in line for line in bundle.said)
