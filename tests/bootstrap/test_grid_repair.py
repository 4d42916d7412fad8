import random
from typing import Any

import pytest
import zfec
from hypothesis import given, settings
from hypothesis import strategies as some

from coldforge.bootstrap.grid import ParityGrid, rebuild
from coldforge.bundle.format import parity


def group(rows: int, more: int, size: int, seed: int) -> list[bytes]:
    """All shards of a group, as the library makes them."""
    data = [random.Random(seed + row).randbytes(size) for row in range(rows)]
    return [*data, *parity.make(ParityGrid(size, rows, more, 1), data)]


@settings(max_examples=60)
@given(data=some.data(), rows=some.integers(1, 40), more=some.integers(1, 20))
def test_any_lost_shards_come_back_as_long_as_enough_are_left(
    data: Any, rows: int, more: int
) -> None:
    shards = group(rows, more, 32, rows * more)
    left = data.draw(some.sets(some.integers(0, rows + more - 1), min_size=rows))
    wanted = sorted(set(range(rows + more)) - left)
    found = rebuild(rows, {row: shards[row] for row in left}, wanted)
    assert found == {row: shards[row] for row in wanted}


@pytest.mark.parametrize(("rows", "more"), [(230, 26), (1, 255), (255, 1)])
def test_the_widest_groups_come_back(rows: int, more: int) -> None:
    shards = group(rows, more, 16, 1)
    lost = list(range(min(rows, more)))
    left = {row: shard for row, shard in enumerate(shards) if row not in lost}
    assert rebuild(rows, left, lost) == {row: shards[row] for row in lost}


def test_it_agrees_with_the_library() -> None:
    shards = group(10, 4, 64, 7)
    left = {row: shards[row] for row in (0, 2, 3, 5, 6, 8, 10, 11, 12, 13)}
    theirs = zfec.Decoder(10, 14).decode(tuple(left.values()), tuple(left))
    assert [rebuild(10, left, [row])[row] for row in range(10)] == theirs


def test_too_few_shards_are_refused() -> None:
    shards = group(3, 2, 8, 1)
    with pytest.raises(ValueError, match="2 of 3"):
        rebuild(3, {0: shards[0], 4: shards[4]}, [1])
