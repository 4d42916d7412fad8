"""Cards by name, and the bytes each has."""

from dataclasses import dataclass
from pathlib import Path

from coldforge.errors import UnknownNameError
from coldforge.tomlfile import read_toml

MIB = 1024**2


@dataclass(frozen=True)
class Card:
    """Something an engine must fit on."""

    name: str
    usable: int
    """Bytes."""


def read_cards() -> list[Card]:
    """Read the cards that we know, the smallest first."""
    table = read_toml(Path(__file__).with_name("cards.toml"), dict[str, int])
    return sorted((Card(name, size * MIB) for name, size in table.items()), key=_order)


def choose(cards: list[Card], name: str) -> list[Card]:
    """Pick one by its name, whatever its case; all without a name. Raise UnknownNameError."""
    found = [card for card in cards if not name or card.name.lower() == name.lower()]
    if not found:
        raise UnknownNameError("card", name, [card.name for card in cards])
    return found


def _order(card: Card) -> tuple[int, str]:
    return card.usable, card.name
