import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coldforge.bundle.format.index import Index
from coldforge.bundle.receiving.repair import Repair
from coldforge.bundle.receiving.staging import Staging
from coldforge.bundle.receiving.volumes import VolumeSet
from tests.bundle.bundles import bundle, damage, make_item, random_bytes

SHARD = 65536
DATA = random_bytes("data", 9 * SHARD + 500)
ALL = set(range(10))


class Bench:
    """A bundle of ten data shards and three of parity, to be spoiled."""

    def __init__(self, root: Path) -> None:
        self.root = root
        item = make_item(root / "in", "one", DATA)
        self.index: Index = bundle(root / "out", [item], share=0.3)
        assert self.index.parity
        assert (self.index.parity.rows, self.index.parity.parity) == (10, 3)
        self.sound = {path: path.read_bytes() for path in (root / "out").glob("*.cfv")}

    def repair(self, name: str, data: set[int], parity: set[int]) -> Repair:
        """Spoil shards, then mend all."""
        for path, content in self.sound.items():
            path.write_bytes(content)
        damage(self.root / "out" / "volume-001.cfv", *((n * SHARD + 7, 1) for n in data))
        damage(self.root / "out" / "parity-001.cfv", *((n * SHARD + 7, 1) for n in parity))
        volumes = VolumeSet(self.index)
        repair = Repair(volumes, Staging(self.root / name, volumes))
        for kind, file in (("data", "volume-001.cfv"), ("parity", "parity-001.cfv")):
            handle = os.open(self.root / "out" / file, os.O_RDONLY)
            volumes.readers["data" if kind == "data" else "parity"][0].files.append(handle)
        repair.repair_shards(ALL)
        for reader in (volumes.readers["data"][0], volumes.readers["parity"][0]):
            os.close(reader.files[0])
        return repair


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


@settings(max_examples=25)
@given(data=st.sets(st.integers(0, 9), max_size=5), parity=st.sets(st.integers(0, 2)))
def test_as_many_shards_are_rebuilt_as_there_is_parity(
    bench: Bench, data: set[int], parity: set[int]
) -> None:
    repair = bench.repair(f"{sorted(data)}{sorted(parity)}", data, parity)
    if len(data) + len(parity) <= 3:
        assert repair.lost == set()
        assert repair.repaired.total() == len(data)
        staged = repair.volumes.readers["data"][0]
        assert all(staged.read_shard(shard, staged_only=True) for shard in data)
    elif data:
        assert repair.lost == data
        assert repair.shards_needed == {0: len(data) + len(parity) - 3}
    repair.staging.__exit__(None, None, None)


def test_volumes_that_are_not_here_are_counted_without_reading(tmp_path: Path) -> None:
    items = [make_item(tmp_path / "in", str(n), random_bytes(n, 3 * SHARD)) for n in range(4)]
    index = bundle(tmp_path / "out", items, split=4 * SHARD, share=0.5)
    volumes = VolumeSet(index)
    repair = Repair(volumes, Staging(tmp_path / "staging", volumes))
    assert not repair.is_possible({0})
    handles = []
    for reader in (*volumes.readers["data"][1:], *volumes.readers["parity"]):
        handles.append(os.open("/dev/null", os.O_RDONLY))
        reader.files.append(handles[-1])
    assert repair.is_possible({0})
    repair.repair_shards({0})
    assert repair.lost == {0}
    assert list(repair.shards_needed.values()) == [12]
    for handle in handles:
        os.close(handle)


def test_without_parity_nothing_is_hoped_for(tmp_path: Path) -> None:
    index = bundle(tmp_path / "out", [make_item(tmp_path / "in", "one", DATA)])
    volumes = VolumeSet(index)
    repair = Repair(volumes, Staging(tmp_path / "staging", volumes))
    assert not repair.is_possible(ALL)
    assert repair.is_possible(set())
    repair.repair_shards(ALL)
    assert repair.lost == ALL
    assert not (tmp_path / "staging").exists()
