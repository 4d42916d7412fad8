"""Which model families there are: one for each module of this package with a FAMILY."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.model.families.family import Family
from coldforge.plugins import provided


@cache
def families() -> dict[str, Family]:
    """Map each family's model_type to it, sorted."""
    found = provided("coldforge.model.families", "FAMILY").values()
    return {family.name: family for family in sorted(found, key=lambda family: family.name)}


def family_of(config: Mapping[str, Any]) -> Family:
    """Look up the family that a config.json names; raise ColdforgeError if it is not known."""
    kind, known = config.get("model_type"), families()
    if kind not in known:
        raise ColdforgeError(
            f"models of type {kind!r} are not supported", f"known types: {', '.join(known)}"
        )
    return known[kind]


def stores_transposed(config: Mapping[str, Any]) -> bool:
    """Tell whether linear weights are stored (in_features, out_features).

    False for a family that is not known: a checkpoint of it can be converted and inspected.
    """
    family = families().get(str(config.get("model_type")))
    return family is not None and family.transposed
