"""Receives killed at any moment, of disks that are damaged, lost, or come in any order."""

import hashlib
import io
import json
import os
import shutil
import signal
import time
import warnings
from pathlib import Path
from random import Random

import pytest
import zstandard

from coldforge.bundle.delta import delta
from coldforge.bundle.ledger import ledger_path
from coldforge.bundle.packing.items import BundleItem
from coldforge.bundle.receiving.missing import IncompleteBundleError
from coldforge.bundle.receiving.receive import receive
from coldforge.bundle.receiving.staging import staging_path
from coldforge.errors import ColdforgeError
from coldforge.paths import Workspace
from tests.bundle.bundles import (
    bundle,
    damaged_blobs,
    make_item,
    random_bytes,
    read_payloads,
    site,
    visible_blobs,
)

KILLS = 20
SPLIT = 1_250_000


def thirty(folder: Path) -> list[BundleItem]:
    """Thirty blobs of 10 to 400 kB, every third one packed, every fifth a delta, in both stores."""
    random, made = Random(4), []
    for number in range(30):
        store = ("mirror", "layout")[number % 2]
        data = random_bytes(number, random.randrange(10_000, 400_000))
        packed = zstandard.compress(data) if number % 3 == 0 else None
        encoding = "zstd" if packed else "raw"
        made.append(
            make_item(folder, f"item {number}", data, packed, encoding=encoding, store=store)
        )
        if number % 5 == 0:
            made.append(changed(folder, number, data, store))
    return made


def changed(folder: Path, number: int, data: bytes, store: str) -> BundleItem:
    """A delta of a blob with a word put in front."""
    old, new, encoded = folder / "old", folder / "new", io.BytesIO()
    old.write_bytes(data)
    new.write_bytes(b"more " + data)
    delta.encode(old, new, encoded, lambda _: None)
    base, sent = hashlib.sha256(data).hexdigest(), encoded.getvalue()
    name = f"item {number} anew"
    return make_item(folder, name, b"more " + data, sent, encoding="delta", base=base, store=store)


def bursts(out: Path, random: Random, share: float, count: int = 4) -> None:
    """Turn over that share of the bytes of all payloads, in some stretches."""
    volumes = read_payloads(out)
    total = sum(len(payload) for _, _, payload in volumes.values())
    for path in random.sample(sorted(volumes), count):
        size = min(int(total * share / count), len(volumes[path][2]))
        data = bytearray(path.read_bytes())
        start = random.randrange(len(volumes[path][2]) - size + 1)
        data[start : start + size] = bytes(byte ^ 0xFF for byte in data[start : start + size])
        path.write_bytes(data)


def scattered(out: Path, random: Random, share: float) -> None:
    """Turn over that share of all bytes, trailers too, here and there."""
    for path in sorted(out.glob("*.cfv")):
        data = bytearray(path.read_bytes())
        for at in random.sample(range(len(data)), int(len(data) * share)):
            data[at] ^= 1 << random.randrange(8)
        path.write_bytes(data)


def disks(out: Path, root: Path) -> list[Path]:
    """Put each volume on a disk of its own."""
    for number, path in enumerate(sorted(out.glob("*.cfv"))):
        (root / str(number)).mkdir(parents=True)
        shutil.copy(path, root / str(number))
    return sorted(root.iterdir())


def killed(space: Workspace, disk: Path, after: float) -> bool:
    """Receive in a process that is killed after some seconds; tell whether it was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other tests' threads: this child lives for a moment
        child = os.fork()
    if child == 0:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            receive(space, disk)
        except ColdforgeError:
            pass
        finally:
            os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def carry_all(space: Workspace, folders: list[Path], random: Random) -> ColdforgeError | None:
    """Bring disks one after the other, killed again and again; give the last complaint."""
    last: ColdforgeError | None = None
    times, deaths = [random.randrange(len(folders)) for _ in range(KILLS)], 0
    for number, disk in enumerate(folders):
        for _ in range(times.count(number)):
            deaths += killed(space, disk, random.expovariate(1 / 0.02))
            assert damaged_blobs(space) == []
        try:
            receive(space, disk)
            last = None
        except ColdforgeError as error:
            last = error
        assert damaged_blobs(space) == []
    assert deaths
    return last


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    for share in (0.1, 0.5):
        bundle(folder / str(share), thirty(folder / "in"), SPLIT, share)
    return folder


def check_whole(space: Workspace, sound: Path) -> None:
    assert visible_blobs(space) == named(sound)
    assert damaged_blobs(space) == []
    assert not list(staging_path(space).glob("*"))
    assert ledger_path(space).is_file()


def named(sound: Path) -> set[str]:
    index = json.loads((sound / "0.1" / "index.json").read_bytes())
    return {item["sha256"] for item in index["items"]}


def check_named(space: Workspace, sound: Path, error: ColdforgeError) -> set[str]:
    """What is not visible is named, and nothing else; give the volumes that are asked for."""
    assert isinstance(error, IncompleteBundleError)
    assert {lack.sha256 for lack in error.missing} == named(sound) - visible_blobs(space)
    volumes = {name for lack in error.missing for name in lack.volumes}
    assert volumes
    assert all(name in error.hint for name in volumes)
    return volumes


def bring(space: Workspace, sound: Path, volumes: set[str], root: Path) -> None:
    """Bring sound copies of some volumes and no others."""
    root.mkdir()
    for name in volumes:
        shutil.copy(sound / name, root)
    receive(space, root)


def test_a_whole_bundle_killed_again_and_again_ends_right(tmp_path: Path, sound: Path) -> None:
    space = site(tmp_path / "closed")
    assert carry_all(space, [sound / "0.1"], Random(0)) is None
    check_whole(space, sound)
    assert not list(space.root.rglob(".part-*"))
    assert not list((space.mirror / "blobs" / "partial").iterdir())


@pytest.mark.parametrize("seed", [1])
def test_a_lost_volume_and_damage_within_the_parity_end_right(
    tmp_path: Path, sound: Path, seed: int
) -> None:
    random, space = Random(seed), site(tmp_path / "closed")
    out = shutil.copytree(sound / "0.5", tmp_path / "out")
    assert len(list(out.glob("volume-*"))) == 5
    bursts(out, random, 0.05)
    folders = disks(out, tmp_path / "disks")
    random.shuffle(folders)
    assert carry_all(space, folders[1:], random) is None
    check_whole(space, sound)


@pytest.mark.parametrize("seed", [3])
def test_damage_of_a_twentieth_is_within_a_tenth_of_parity(
    tmp_path: Path, sound: Path, seed: int
) -> None:
    random, space = Random(seed), site(tmp_path / "closed")
    out = shutil.copytree(sound / "0.1", tmp_path / "out")
    bursts(out, random, 0.05, count=2)  # more begin and end in more shards than a tenth
    folders = disks(out, tmp_path / "disks")
    random.shuffle(folders)
    assert carry_all(space, folders, random) is None
    check_whole(space, sound)


@pytest.mark.parametrize("seed", [5, 6])
def test_a_lost_volume_beyond_the_parity_is_named_and_enough(
    tmp_path: Path, sound: Path, seed: int
) -> None:
    random, space = Random(seed), site(tmp_path / "closed")
    out = shutil.copytree(sound / "0.1", tmp_path / "out")
    lost = random.choice(sorted(out.glob("volume-*")))
    lost.unlink()
    bursts(out, random, 0.05)
    folders = disks(out, tmp_path / "disks")
    random.shuffle(folders)
    error = carry_all(space, folders, random)
    assert error
    volumes = check_named(space, sound, error)
    assert lost.name in volumes
    bring(space, sound / "0.1", {lost.name}, tmp_path / "sent")
    check_whole(space, sound)


def test_bytes_turned_over_everywhere_are_named_and_nothing_wrong_is_seen(
    tmp_path: Path, sound: Path
) -> None:
    random, space = Random(7), site(tmp_path / "closed")
    out = shutil.copytree(sound / "0.1", tmp_path / "out")
    scattered(out, random, 0.05)
    folders = disks(out, tmp_path / "disks")
    for folder in folders:
        shutil.copy(out / "index.json", folder)
        shutil.copy(out / "signatures.json", folder)
    error = carry_all(space, folders, random)
    assert error
    volumes = check_named(space, sound, error)
    assert visible_blobs(space) == set()
    bring(space, sound / "0.1", volumes, tmp_path / "sent")
    check_whole(space, sound)


def test_a_few_bytes_turned_over_are_mended_or_named(tmp_path: Path, sound: Path) -> None:
    for seed, share in ((8, 1e-7), (9, 1e-6), (10, 1e-5)):
        random, space = Random(seed), site(tmp_path / f"closed {seed}")
        out = shutil.copytree(sound / "0.1", tmp_path / f"out {seed}")
        scattered(out, random, share)
        try:
            receive(space, out)
        except ColdforgeError as error:
            volumes = check_named(space, sound, error)
            assert damaged_blobs(space) == []
            bring(space, sound / "0.1", volumes, tmp_path / f"sent {seed}")
        check_whole(space, sound)
