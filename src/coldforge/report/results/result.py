"""What every result may say of itself; what else it holds is not looked at."""

from typing import Any

import msgspec

Interval = tuple[float, float] | None


class Result(msgspec.Struct, kw_only=True):
    """What every result may say of its circumstances."""

    image: str | None = None
    versions: dict[str, Any] = msgspec.field(default_factory=dict)
    seconds: float | None = None
