"""Conditions a model must meet to ship: a comma-separated list of METRIC, < or >, BOUND.

A bare number bounds the measured value: `kl<0.01`, `top1>0.98`, `ppl<6`, `pass@1>0.7`. A number
with sign and per cent bounds the change against the reference: `ppl<+2%` the relative change of
the perplexity, `pass@1>-1%` the change of the share in percentage points. The point
estimate is bounded; its interval is printed beside it.
"""

import math
import re
from dataclasses import asdict, dataclass
from typing import Any

from coldforge.errors import ColdforgeError, UnknownNameError

KNOWN = ("kl", "top1", "ppl", "pass@1", "pass@K")
OF_REFERENCE = frozenset({"kl", "top1"})
"""Metrics that are relative to the reference already, so that they have no change."""

_CONDITION = re.compile(r"([^<>=\s]+)\s*([<>])\s*([+-]?)([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)(%?)")
_METRIC = re.compile(r"kl|top1|ppl|pass@[1-9][0-9]*")

Bounds = tuple[float, float]


class GateError(ColdforgeError):
    """Raised for a gate that is not valid, or bounds what is not measured."""

    exit_code = 2


@dataclass(frozen=True)
class Condition:
    """One bound on one metric."""

    metric: str
    above: bool
    bound: float
    """Of the value; of a change in per cent, or in percentage points for shares."""
    change: bool = False

    def __str__(self) -> str:
        """Spell it as it is read."""
        number = f"{self.bound:+}%" if self.change else str(self.bound)
        return f"{self.metric}{'>' if self.above else '<'}{number}"

    def holds(self, value: float) -> bool:
        """Tell whether a measured value or change meets it; NaN does not."""
        return value > self.bound if self.above else value < self.bound


@dataclass(frozen=True)
class Measure:
    """A metric's value and its change against the reference, each with its interval."""

    value: float
    interval: Bounds | None = None
    change: float | None = None
    change_interval: Bounds | None = None


@dataclass(frozen=True)
class GateOutcome:
    """The result of a condition."""

    condition: str
    measured: float
    """The value, or the change where the condition bounds that."""
    interval: Bounds | None
    holds: bool

    def json(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        """Describe it in a line."""
        bounds = self.interval
        interval = f" ({bounds[0]:.6g} to {bounds[1]:.6g})" if bounds else ""
        verdict = "holds" if self.holds else "broken"
        return f"gate {self.condition}: {verdict}, measured {self.measured:.6g}{interval}"


def read_gate(text: str) -> list[Condition]:
    """Read conditions; none of an empty text. Raise GateError or UnknownNameError."""
    return [_condition(part.strip()) for part in text.split(",")] if text.strip() else []


def _condition(text: str) -> Condition:
    match = _CONDITION.fullmatch(text)
    if not match:
        raise GateError(f"the gate's '{text}' is not a condition", "write e.g. kl<0.01,ppl<+2%")
    metric, side, sign, digits, per_cent = match.groups()
    if not _METRIC.fullmatch(metric):
        raise UnknownNameError("metric", metric, list(KNOWN))
    if bool(sign) != bool(per_cent):
        raise GateError(
            f"the gate's '{text}' is neither a value nor a change",
            "a value is a bare number, a change has sign and per cent: ppl<6 or ppl<+2%",
        )
    if sign and metric in OF_REFERENCE:
        raise GateError(
            f"{metric} is measured against the reference already", f"write e.g. {metric}{side}0.01"
        )
    bound = float(sign + digits)
    if not math.isfinite(bound):
        raise GateError(f"the gate's '{text}' bounds nothing", "write a smaller number")
    return Condition(metric, side == ">", bound, bool(sign))


def check_gate(conditions: list[Condition], names: list[str], compared: bool) -> None:
    """Raise GateError for a metric not among `names`, or a change without a reference."""
    for condition in conditions:
        if condition.metric not in names:
            raise GateError(
                f"the gate asks for {condition.metric}, which is not measured here",
                f"measured here: {', '.join(names)}",
            )
        if condition.change and not compared:
            raise GateError(f"the gate's {condition} needs an original", "give --reference")


def check_conditions(
    conditions: list[Condition], measured: dict[str, Measure]
) -> list[GateOutcome]:
    """Check each condition against the metrics; all must be measured, see `check_gate`."""
    return [_outcome(condition, measured[condition.metric]) for condition in conditions]


def _outcome(condition: Condition, found: Measure) -> GateOutcome:
    value, interval = found.value, found.interval
    if condition.change:
        value = math.nan if found.change is None else found.change
        interval = found.change_interval
    return GateOutcome(str(condition), value, interval, condition.holds(value))
