"""Which shards share a group decides what can be lost."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from coldforge.bootstrap.grid import (
    MAX_GROUP,
    SHARD,
    SHARD_GROWTH,
    choose_grid,
    first_shards,
    shard_count,
    shard_size,
)

SIZES = st.lists(st.integers(0, 60 * SHARD), max_size=12)
SHARE = st.floats(0.01, 1.0)


@given(SIZES, SHARE)
def test_every_group_fits_the_field_and_has_the_share_asked_for(
    sizes: list[int], share: float
) -> None:
    grid = choose_grid(sizes, share)
    count = first_shards(sizes, grid.shard)[-1]
    assert grid.rows + grid.parity <= MAX_GROUP
    assert grid.rows * grid.groups >= count
    assert grid.parity >= min(grid.rows * share, MAX_GROUP - grid.rows)


@given(SIZES, SHARE)
def test_a_stretch_of_damage_as_long_as_the_parity_hits_no_group_too_often(
    sizes: list[int], share: float
) -> None:
    grid = choose_grid(sizes, share)
    count = first_shards(sizes, grid.shard)[-1]
    stretch = range(min(grid.parity * grid.groups, count))
    hits = Counter(number % grid.groups for number in stretch)
    assert max(hits.values(), default=0) <= grid.parity


def test_a_volume_lost_of_twelve_is_less_than_a_tenth_of_parity_holds() -> None:
    sizes = [4_000_000_000] * 12
    grid = choose_grid(sizes, 0.1)
    first = first_shards(sizes, grid.shard)
    hits = Counter(number % grid.groups for number in range(first[3], first[4]))
    assert max(hits.values()) <= grid.parity


def test_shards_grow_so_that_their_hashes_stay_few() -> None:
    assert choose_grid([1], 0.1).shard == SHARD
    assert choose_grid([10 * SHARD_GROWTH], 0.1).shard == 10 * SHARD
    assert shard_count(10 * SHARD_GROWTH, 10 * SHARD) < 300_000


def test_the_last_shard_of_a_payload_may_be_short_and_an_empty_one_has_none() -> None:
    assert [shard_count(size, 10) for size in (0, 1, 10, 11)] == [0, 1, 1, 2]
    assert first_shards([11, 0, 10], 10) == [0, 2, 2, 3]


def test_a_shard_has_64_kibibytes_for_each_16_gigabytes_of_payload() -> None:
    assert shard_size([]) == shard_size([16 * 10**9]) == 65536
    assert shard_size([16 * 10**9, 1]) == 2 * 65536
