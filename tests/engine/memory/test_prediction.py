import pytest

from coldforge.engine.memory.prediction import choose, read_cards
from coldforge.errors import UnknownNameError


def test_the_a10_has_22_and_a_half_gibibytes() -> None:
    (card,) = choose(read_cards(), "a10")
    assert card.name == "A10"
    assert round(card.usable / 1024**3, 1) == 22.5


def test_cards_come_smallest_first() -> None:
    sizes = [card.usable for card in choose(read_cards(), "")]
    assert sizes == sorted(sizes)
    assert len(sizes) >= 8


def test_an_unknown_card_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UnknownNameError) as caught:
        choose(read_cards(), "GTX")
    assert "L40S" in caught.value.hint
