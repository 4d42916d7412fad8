"""What is predicted, and how it compares with the cards that are known."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coldforge.errors import UnknownNameError
from coldforge.tomlfile import read_toml

MIB = 1024**2


@dataclass(frozen=True)
class CardMemory:
    """Something an engine must fit on."""

    name: str
    usable: int
    """Bytes."""


def read_cards() -> list[CardMemory]:
    """Read the cards that we know, the smallest first."""
    table = read_toml(Path(__file__).with_name("cards.toml"), dict[str, int])
    return sorted((CardMemory(name, size * MIB) for name, size in table.items()), key=_order)


def choose(cards: list[CardMemory], name: str) -> list[CardMemory]:
    """Pick one by its name, whatever its case; all without a name. Raise UnknownNameError."""
    found = [card for card in cards if not name or card.name.lower() == name.lower()]
    if not found:
        raise UnknownNameError("card", name, [card.name for card in cards])
    return found


def _order(card: CardMemory) -> tuple[int, str]:
    return card.usable, card.name


@dataclass(frozen=True)
class Prediction:
    """Bytes by what holds them, on the fullest card."""

    precision: str
    weights: dict[str, int]
    kv: int
    workspace: dict[str, int]
    formula: dict[str, str]
    """weights, kv, workspace: how each is computed, and the source."""
    resident: dict[str, int] = field(default_factory=dict)
    """Of an engine in the machine's memory: what the process grows by when loaded, at most while
    loading, and at most in the run: what can be measured."""

    @property
    def total(self) -> int:
        """Bytes of weights, cache and workspace together."""
        return sum(self.weights.values()) + self.kv + sum(self.workspace.values())

    @property
    def needed(self) -> int:
        """Bytes that must be there at once, in the run or while loading."""
        return max(self.total, self.resident.get("loading_peak_bytes", 0))

    def facts(self) -> dict[str, Any]:
        """Say it in the terms of the results."""
        return {
            "predicted": "not measured",
            "precision": self.precision,
            "weights_bytes": sum(self.weights.values()),
            "kv_bytes": self.kv,
            "workspace_bytes": sum(self.workspace.values()),
            "total_bytes": self.total,
            "parts": {"weights": self.weights, "workspace": self.workspace},
            "formula": self.formula,
            **({"resident": self.resident} if self.resident else {}),
        }

    def on(self, cards: list[CardMemory]) -> list[dict[str, Any]]:
        """Say for each card whether it fits."""
        return [
            {
                "name": card.name,
                "usable_bytes": card.usable,
                "fits": self.needed <= card.usable,
                "free_bytes": card.usable - self.needed,
            }
            for card in cards
        ]
