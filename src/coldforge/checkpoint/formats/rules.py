"""Rules by layer: which layers have other bits or groups, which are not quantised.

A pattern is a regular expression that matches from the start of a layer's name. Patterns that
exclude layers are tried first, then the first match counts. GPTQModel writes them as `dynamic` in
its quantization_config: "-:" before a pattern excludes its layers, "+:" changes nothing.
"""

import re
from collections.abc import Mapping
from typing import Any

from coldforge.errors import ColdforgeError

Rules = Mapping[str, Mapping[str, Any] | None]
"""Pattern -> what is different, or None for a layer that is not quantised."""


def exactly(layer: str) -> str:
    """Return the pattern that matches only this layer."""
    return f"^{re.escape(layer)}$"


def find_rule(rules: Rules | None, layer: str) -> Mapping[str, Any] | None:
    """Return what is different for `layer`: {} if nothing, None if it is not quantised."""
    excluded = [(key, None) for key, change in (rules or {}).items() if _excludes(key, change)]
    changed = [(key, change) for key, change in (rules or {}).items() if not _excludes(key, change)]
    for pattern, change in [*excluded, *changed]:
        try:
            found = re.match(pattern.removeprefix("-:").removeprefix("+:"), layer)
        except re.error as error:
            raise ColdforgeError(
                f"the rule {pattern!r} is not a regular expression: {error}",
                "correct `dynamic` in the checkpoint's quantization_config",
            ) from error
        if found:
            return change
    return {}


def _excludes(pattern: str, change: Mapping[str, Any] | None) -> bool:
    return change is None or pattern.startswith("-:")


def width(settings: Mapping[str, Any], layer: str) -> int:
    """Return the bits of a layer's weights; 0 if the settings do not say."""
    rule = find_rule(settings.get("dynamic"), layer) or {}
    try:
        return int(rule.get("bits", settings.get("bits", 0)))
    except (TypeError, ValueError):
        return 0


def group_size(value: object) -> int:
    """Read a group size: 0 for none and for -1, which mean all inputs; raise ColdforgeError."""
    try:
        return max(int(str(value or 0)), 0)
    except ValueError as error:
        raise ColdforgeError(
            f"quantization_config says group_size {value!r}", "copy config.json again"
        ) from error


def literal(pattern: str) -> str | None:
    """Return the one name that a pattern of `exactly` matches; None for other patterns."""
    name = re.sub(r"\\(.)", r"\1", pattern.removeprefix("^").removesuffix("$"))
    return name if pattern == exactly(name) else None
