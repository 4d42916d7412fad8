"""Why each layer got its bits: a table of what was measured, and a picture."""

from collections.abc import Mapping, Sequence
from typing import Any

from coldforge.charts.axis import Axis
from coldforge.charts.bars import Bar, bars
from coldforge.progress import amount
from coldforge.quantize.methods.mixed.pareto import Option

SHOWN = 4
"""Bits at which the picture compares layers."""


def rows(options: Mapping[str, Sequence[Option]], picks: Sequence[int]) -> list[dict[str, Any]]:
    """List each layer with its bits and bytes, and its damage in every width."""
    return [
        {
            "layer": layer,
            "bits": ways[pick].bits,
            "bytes": ways[pick].size,
            "kl": {str(way.bits): way.damage for way in ways if way.bits < 16},
        }
        for (layer, ways), pick in zip(options.items(), picks, strict=True)
    ]


def table(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write the rows as lines of text, most sensitive layers first."""
    widths = sorted({bits for row in found for bits in row["kl"]}, key=int)
    name = max((len(row["layer"]) for row in found), default=0)
    head = f"{'layer':{name}}  bits      bytes" + "".join(f"  KL at {bits}" for bits in widths)
    lines = [head]
    for row in sorted(found, key=_sensitivity, reverse=True):
        damages = "".join(f"  {row['kl'].get(bits, 0):7.1e}" for bits in widths)
        lines.append(f"{row['layer']:{name}}  {row['bits']:4}  {amount(row['bytes']):>9}{damages}")
    return lines


def picture(found: Sequence[Mapping[str, Any]]) -> str:
    """Draw each layer's damage in one width, coloured by the bits it got; return the SVG."""
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
    damages = row["kl"]
    return float(damages.get(str(SHOWN), max(damages.values(), default=0.0)))
