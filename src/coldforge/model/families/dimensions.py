"""The numbers of a decoder that decide its size, read from config.json alone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.model.families.family import Family
from coldforge.model.families.registry import family_of


@dataclass(frozen=True)
class Dimensions:
    """A decoder's numbers, whatever its family calls them."""

    family: Family
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    positions: int
    """Tokens of the longest sequence it was made for."""
    tied: bool
    """Whether the head is the embedding again."""

    @property
    def query(self) -> int:
        """Count the features of all query heads."""
        return self.heads * self.head_dim

    @property
    def key_value(self) -> int:
        """Count the features of all key heads, or of all value heads."""
        return self.kv_heads * self.head_dim

    @property
    def joint(self) -> int:
        """Count the features of queries, keys and values together."""
        return self.query + 2 * self.key_value

    def linears(self) -> dict[str, tuple[int, int]]:
        """Map a block's linear layers to (in_features, out_features)."""
        return {
            layer: (getattr(self, stage.inputs), getattr(self, outputs))
            for stage in self.family.stages
            for layer, outputs in stage.projections.items()
        }


def dimensions(config: Mapping[str, Any]) -> Dimensions:
    """Read them; raise ColdforgeError for an unknown family or a number that is missing."""
    family = family_of(config)
    try:
        return _read(family, config)
    except (KeyError, TypeError, ValueError) as error:
        raise ColdforgeError(
            f"config.json does not say what an engine needs: {error}", "copy config.json again"
        ) from error


def read_dimensions(place: Path) -> Dimensions:
    """Read them from a model directory, or from its config.json."""
    path = place / "config.json" if place.is_dir() else place
    try:
        config = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ColdforgeError(f"{path} cannot be read: {error}", "name a model directory") from error
    return dimensions(config)


def _read(family: Family, config: Mapping[str, Any]) -> Dimensions:
    names = family.fields
    hidden, heads = int(config[names.hidden]), int(config[names.heads])
    wider = family.expansion * hidden
    intermediate = config.get(names.intermediate) or wider if wider else config[names.intermediate]
    return Dimensions(
        family=family,
        layers=int(config[names.layers]),
        hidden=hidden,
        heads=heads,
        kv_heads=int(config.get(names.kv_heads) or heads),
        head_dim=int(config.get(names.head_dim) or hidden // heads),
        intermediate=int(intermediate),
        vocab=int(config[names.vocab]),
        positions=int(config[names.positions]),
        tied=bool(config.get("tie_word_embeddings", family.tied)),
    )
