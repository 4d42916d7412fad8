"""The fields that every result may have; others are ignored."""

from typing import Any

import msgspec

Interval = tuple[float, float] | None


class Result(msgspec.Struct, kw_only=True):
    """The fields that every result may have."""

    image: str | None = None
    versions: dict[str, Any] = msgspec.field(default_factory=dict)
    seconds: float | None = None
