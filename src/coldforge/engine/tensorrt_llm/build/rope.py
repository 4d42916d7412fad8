"""Rotary positions of config.json, for releases that read it and for those that do not."""

from collections.abc import Mapping
from typing import Any

from coldforge.errors import ColdforgeError

BASE = 10_000.0


def rotary(
    config: Mapping[str, Any], reads_config: bool, known: list[str]
) -> dict[str, str | tuple[str, ...]]:
    """Return `rotary_base` and `rotary_scaling` where they are not the usual ones.

    `known`: kinds of scaling the release can do. Where it `reads_config`, it looks for rope_theta
    at the top of config.json; Transformers 5 writes it in rope_parameters, which would be missed.
    Raise ColdforgeError for that, and for a scaling it does not know.
    """
    nested = config.get("rope_parameters") or {}
    base = float(config.get("rope_theta") or nested.get("rope_theta") or BASE)
    scaling = config.get("rope_scaling") or nested
    kind = str(scaling.get("rope_type") or scaling.get("type") or "default")
    if reads_config and nested and (base != BASE or kind != "default"):
        missing = [name for name in ("rope_theta", "rope_scaling") if name not in config]
        unread = [name for name in missing if name == "rope_theta" or kind != "default"]
        if unread:
            raise ColdforgeError(
                f"the release would not find {' and '.join(unread)} in config.json: its "
                "Transformers is older than rope_parameters",
                "write them at the top of config.json too",
            )
    words: dict[str, str | tuple[str, ...]] = {}
    if base != BASE:
        words["rotary_base"] = f"{base:.10g}"
    if kind == "default":
        return words
    if kind not in known:
        raise ColdforgeError(
            f"the release does not support rotary scaling of type {kind}",
            f"supported: {', '.join(known)}; take a later release",
        )
    return {**words, "rotary_scaling": (kind, f"{float(scaling.get('factor', 1.0)):.10g}")}
