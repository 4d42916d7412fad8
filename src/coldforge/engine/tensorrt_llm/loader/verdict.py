"""The verdict on a layer, and the order of verdicts."""

from dataclasses import dataclass
from typing import Any

from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.engine.tensorrt_llm.loader.failure import ACT_ORDER, CONVERT, SYMMETRIC, TP, Crash
from coldforge.engine.tensorrt_llm.loader.weight_difference import WeightDifference
from coldforge.engine.tensorrt_llm.loader.weight_layout import Slot

EXACT = "exact"
ROUNDED = "rounded"
"""As exact as the engine's type allows."""
OVERFLOWS = "overflows"
STEP = "off by one zero step"
IGNORED = "zero points ignored"
GROUPS = "wrong groups"
WRONG = "wrong weights"
LEFT_OUT = "left out"
LEFT_RANDOM = "left random"
CRASH = "would crash"
FROM_BEST = (
    EXACT, ROUNDED, OVERFLOWS, LEFT_OUT, STEP, IGNORED, GROUPS, WRONG, LEFT_RANDOM, CRASH,
)  # fmt: skip
SOUND = frozenset({EXACT, ROUNDED})
"""Verdicts that an engine may be built with."""


@dataclass(frozen=True)
class Finding:
    """The verdict on one layer or tensor."""

    name: str
    verdict: str
    why: str = ""
    share: float = 0.0
    """Of its weights that are wrong."""
    largest: float | None = 0.0
    """Largest difference from the checkpoint's weights; None where it is unknown."""
    fix: str = ""

    def json(self) -> dict[str, Any]:
        """Return it for --json."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "why": self.why,
            "share_wrong": self.share,
            "largest_error": self.largest,
        }


def worst(findings: list[Finding]) -> str:
    """Return the worst verdict."""
    return max((item.verdict for item in findings), key=FROM_BEST.index, default=EXACT)


def crashed(name: str, crash: Crash) -> Finding:
    """Report that the loader stops here."""
    return Finding(name, CRASH, crash.why, 1.0, None, crash.fix)


def find_verdict(name: str, slot: Slot, truth: Quantized, found: WeightDifference) -> Finding:
    """Turn the counts of one layer into a verdict."""
    if not found.wrong:
        return _sound(name, found)
    verdict, why, fix = _cause(slot, truth, found)
    largest = None if found.unread else found.largest
    return Finding(name, verdict, why, found.wrong / found.weights, largest, fix)


def _sound(name: str, found: WeightDifference) -> Finding:
    if not found.rounded:
        return Finding(name, EXACT)
    why = "zero points times scales, or scales, are rounded to the engine's type"
    return Finding(name, ROUNDED, why, largest=found.largest)


def _cause(slot: Slot, truth: Quantized, found: WeightDifference) -> tuple[str, str, str]:
    """Return verdict, reason and remedy."""
    if truth.order is not None:
        return GROUPS, "g_idx is not read: input r is taken for group r // group size", ACT_ORDER
    if found.unread or (slot.by_rows and (slot.rows % slot.target.group)):
        why = f"a card's {slot.rows} inputs are no whole groups of {slot.target.group}"
        return GROUPS, why, TP
    if found.wrong in {found.below, found.above}:
        direction = "low" if found.below else "high"
        return STEP, f"zero points are taken as v1 stores them: one step too {direction}", CONVERT
    if not slot.target.zeros:
        why = "zero points of an asymmetric checkpoint are left out"
        return IGNORED, why, SYMMETRIC
    if found.wrong == found.below + found.above + found.whole:
        return WRONG, "other zero points than the checkpoint's maker meant", CONVERT
    return WRONG, "what the cards hold is not what was cut", TP
