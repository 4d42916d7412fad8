import random
from pathlib import Path

import pytest

from coldforge.bundle.delta import match
from coldforge.bundle.delta.match import DeltaStep
from coldforge.bundle.delta.tar_chunks import BlobReader
from tests.bootstrap.tools import tar


def steps(folder: Path, base: bytes, new: bytes) -> list[DeltaStep]:
    (folder / "base").write_bytes(base)
    (folder / "new").write_bytes(new)
    with BlobReader(folder / "base") as old, BlobReader(folder / "new") as made:
        found = list(match.match(old, made, lambda count: None))
    assert sum(step.size for step in found) == len(new)
    return found


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def test_equal_layers_are_one_copy(tmp_path: Path) -> None:
    data = tar({str(number): noise(number, 900) for number in range(50)})
    assert steps(tmp_path, data, data) == [DeltaStep(len(data), 0, -1)]


def test_a_new_member_between_others_leaves_two_copies(tmp_path: Path) -> None:
    one, two = noise(1, 20480), noise(2, 51200)
    found = steps(tmp_path, tar({"a": one, "c": two}), tar({"a": one, "b": b"new", "c": two}))
    assert [step.region < 0 for step in found] == [True, False, True]
    assert found[2].base == found[0].size == 512 + 20480


def test_short_copies_between_new_bytes_are_packed_with_them(tmp_path: Path) -> None:
    same = noise(1, 2048)
    base = tar({f"{number}": same if number % 2 else b"old" for number in range(9)})
    new = tar({f"{number}": same if number % 2 else b"new" for number in range(9)})
    assert [step.region < 0 for step in steps(tmp_path, base, new)] == [False]


def test_new_bytes_look_at_the_member_of_their_name(tmp_path: Path) -> None:
    lib = noise(1, 3_000_000)
    base = tar({"x": noise(2, 8_000_000), "lib": lib, "y": noise(3, 8_000_000)})
    found = steps(tmp_path, base, tar({"lib": lib[:-1] + b"!"}))
    at = base.index(lib)
    piece = next(step for step in found if step.size > 1_000_000)
    assert piece.base <= at
    assert piece.base + piece.region >= at + len(lib)


def test_a_long_member_is_cut_and_its_relative_in_proportion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match, "MAX_PIECE", 10_000)
    monkeypatch.setattr(match, "MIN_REGION", 1000)
    found = steps(tmp_path, noise(1, 80_000), noise(2, 40_000))
    assert [step.size for step in found] == [10_000] * 4
    assert [step.base for step in found] == [0, 17_500, 37_500, 57_500]
    assert all(step.base + step.region <= 80_000 for step in found)


def test_relatives_far_apart_are_looked_at_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match, "MIN_REGION", 4096)
    base = tar({"a": noise(1, 3000), "between": noise(9, 900_000), "z": noise(2, 3000)})
    found = steps(tmp_path, base, tar({"a": noise(3, 3000), "z": noise(4, 3000)}))
    assert sum(step.region for step in found) < 60_000
    assert max(step.base for step in found) > 900_000


def test_without_a_base_all_is_new(tmp_path: Path) -> None:
    assert steps(tmp_path, b"", b"abc") == [DeltaStep(3, 0, 0)]
    assert steps(tmp_path, b"abc", b"") == []
