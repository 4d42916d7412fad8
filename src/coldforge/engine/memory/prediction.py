"""What is predicted, and how it compares with cards."""

from dataclasses import dataclass, field
from typing import Any

from coldforge.engine.memory.cards import Card


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

    def on(self, cards: list[Card]) -> list[dict[str, Any]]:
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
