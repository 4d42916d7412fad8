"""The chooser: never over budget, and as good as trying everything."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from coldforge.quantize.methods.mixed.allocation import (
    Assignment,
    LayerCandidate,
    best_within,
    pareto_frontier,
    smallest_below,
)

OPTIONS = st.builds(
    LayerCandidate, st.just(4), st.integers(0, 40), st.floats(0, 1, allow_subnormal=False)
)
LAYERS = st.lists(st.lists(OPTIONS, min_size=1, max_size=4), min_size=1, max_size=5)


def every(layers: list[list[LayerCandidate]]) -> list[Assignment]:
    """Try all mixes; sensitivities are summed in the same order."""
    found = []
    for picks in product(*(range(len(options)) for options in layers)):
        size, kl = 0, 0.0
        for options, pick in zip(layers, picks, strict=True):
            size, kl = size + options[pick].size, kl + options[pick].kl
        found.append(Assignment(size, kl, picks))
    return found


@given(LAYERS, st.integers(0, 200))
def test_within_a_budget_no_mix_does_less_damage(
    layers: list[list[LayerCandidate]], room: int
) -> None:
    mix = best_within(pareto_frontier(layers), room)
    fitting = [other for other in every(layers) if other.size <= room]
    if mix is None:
        assert not fitting
    else:
        assert mix in fitting
        assert mix.kl == min(other.kl for other in fitting)


@given(LAYERS, st.floats(0, 5))
def test_below_a_damage_no_mix_is_smaller(layers: list[list[LayerCandidate]], kl: float) -> None:
    mix = smallest_below(pareto_frontier(layers), kl)
    fitting = [other for other in every(layers) if other.kl <= kl]
    if mix is None:
        assert not fitting
    else:
        assert mix in fitting
        assert mix.size == min(other.size for other in fitting)


@given(LAYERS, st.integers(1, 3))
def test_thinned_it_still_tells_true_sizes_and_keeps_the_smallest(
    layers: list[list[LayerCandidate]], limit: int
) -> None:
    mixes, known = pareto_frontier(layers, limit), every(layers)
    assert all(mix in known for mix in mixes)
    assert mixes[0].size == min(mix.size for mix in known)
    assert len(mixes) <= limit + 1


def test_a_model_of_many_layers_takes_seconds_at_most() -> None:
    layers = [
        [
            LayerCandidate(16, 2000 + at, 0.0),
            LayerCandidate(8, 1003 + at, 1e-6),
            LayerCandidate(4, 517, 1e-4 * (at % 7)),
        ]
        for at in range(120)
    ]
    mix = best_within(pareto_frontier(layers, limit=500), 120 * 900)
    assert mix is not None
    assert 120 * 880 < mix.size <= 120 * 900
