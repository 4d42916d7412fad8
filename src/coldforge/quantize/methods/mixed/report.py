"""A table and a chart of the measured sensitivities and the bits of each layer."""

from collections.abc import Mapping, Sequence
from typing import Any

from coldforge.charts.axis import Axis
from coldforge.charts.bars import Bar, bars
from coldforge.progress import amount
from coldforge.quantize.methods.mixed.allocation import LayerCandidate

SHOWN = 4
"""Bits at which the chart compares layers."""


def rows(
    candidates: Mapping[str, Sequence[LayerCandidate]], picks: Sequence[int]
) -> list[dict[str, Any]]:
    """List each layer with its bits, bytes and divergence in every width."""
    return [
        {
            "layer": layer,
            "bits": items[pick].bits,
            "bytes": items[pick].size,
            "kl": {str(item.bits): item.kl for item in items if item.bits < 16},
        }
        for (layer, items), pick in zip(candidates.items(), picks, strict=True)
    ]


def table(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write the rows as lines of text, most sensitive layers first."""
    widths = sorted({bits for row in found for bits in row["kl"]}, key=int)
    name = max((len(row["layer"]) for row in found), default=0)
    head = f"{'layer':{name}}  bits      bytes" + "".join(f"  KL at {bits}" for bits in widths)
    lines = [head]
    for row in sorted(found, key=_sensitivity, reverse=True):
        cells = "".join(f"  {row['kl'].get(bits, 0):7.1e}" for bits in widths)
        lines.append(f"{row['layer']:{name}}  {row['bits']:4}  {amount(row['bytes']):>9}{cells}")
    return lines


def chart(found: Sequence[Mapping[str, Any]]) -> str:
    """Draw each layer's divergence in one width, coloured by its bits; return the SVG."""
    measured = [row for row in found if row["kl"]]
    return bars(
        "Sensitivity of each layer, and the bits it got",
        Axis(f"KL to the original with this layer alone in {SHOWN} bits, nats a token", log=True),
        [
            Bar(row["layer"], _sensitivity(row), f"{row['bits']} bits", str(row["bits"]))
            for row in measured
        ],
    )


def _sensitivity(row: Mapping[str, Any]) -> float:
    measured = row["kl"]
    return float(measured.get(str(SHOWN), max(measured.values(), default=0.0)))
