"""One finding about the host, and how findings are shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "miss", "skipped"]
MARKS: dict[Status, str] = {"ok": "✓", "warn": "!", "miss": "✗", "skipped": "-"}


@dataclass(frozen=True)
class Check:
    """What was looked at, what was found, and what to do about it."""

    name: str
    status: Status
    found: str
    remedy: str = ""
    """Empty when there is nothing to do."""


def at_least(name: str, status: Status, found: str, remedy: str) -> Check:
    """Make a finding whose remedy is kept only where there is something to do."""
    return Check(name, status, found, remedy if status in ("warn", "miss") else "")


def healthy(checks: Iterable[Check]) -> bool:
    """Tell whether nothing needed is missing."""
    return all(check.status != "miss" for check in checks)


def table(checks: list[Check]) -> str:
    """Lay findings out for people, each remedy below its finding."""
    width = max((len(check.name) for check in checks), default=0)
    lines = []
    for check in checks:
        lines.append(f"{MARKS[check.status]} {check.name:<{width}}  {check.found}")
        if check.remedy:
            lines.append(f"  {'':<{width}}  -> {check.remedy}")
    counts = [f"{sum(check.status == status for check in checks)} {status}" for status in MARKS]
    return "\n".join([*lines, ", ".join(counts)])
