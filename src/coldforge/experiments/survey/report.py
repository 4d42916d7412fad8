"""A survey's result for people: a table a model, in plain text and in Markdown, and a chart."""

import json
import math
import textwrap
from pathlib import Path
from typing import Any

from coldforge.charts.axis import Axis
from coldforge.charts.scatter import Point, scatter
from coldforge.files.atomic import write_file
from coldforge.progress import amount

HEAD = (
    "variant", "on disk", "linear", "bits", "perplexity", "KL to the original", "top-1 agreement",
    "seconds", "peak RSS",
)  # fmt: skip
WIDTH = 120
CHART = "chart.svg"


def write_report(place: Path, result: dict[str, Any]) -> None:
    """Write survey.json, survey.md and a chart a model."""
    text = json.dumps(result, indent=2, sort_keys=True)
    write_file(place / "survey.json", (text + "\n").encode())
    write_file(place / "survey.md", markdown(result).encode())
    for model in result["models"]:
        write_file(place / model["name"] / CHART, chart(model).encode())


def table(result: dict[str, Any]) -> str:
    """Lay the result out for a terminal of 120 columns."""
    parts = [
        "\n".join([_title(model), *lay([HEAD, *map(_row, model["ways"])])])
        for model in result["models"]
    ]
    return "\n\n".join([*parts, *protocols(result)])


def lay(rows: list[tuple[str, ...]]) -> list[str]:
    """Align rows under a head: names to the left, the rest to the right.

    A row of two cells is a name and an error, which may be longer than a column.
    """
    complete = [row for row in rows if len(row) == len(rows[0])]
    widths = [max(len(row[at]) for row in complete) for at in range(len(rows[0]))]
    widths[0] = max(len(row[0]) for row in rows)
    return [_line(row, widths) for row in rows]


def markdown(result: dict[str, Any]) -> str:
    """Lay the same out as Markdown, the charts beneath their tables."""
    lines = ["# Survey", ""]
    for model in result["models"]:
        lines += [f"## {model['name']}", "", _title(model), "", _cells(HEAD)]
        lines.append(_cells(("---", *("---:",) * (len(HEAD) - 1))))
        for row in map(_row, model["ways"]):
            lines.append(_cells((*row, *("",) * (len(HEAD) - len(row)))))
        lines += ["", f"![bits a weight against KL]({model['name']}/{CHART})", ""]
    return "\n".join([*lines, *protocols(result), ""])


def chart(model: dict[str, Any]) -> str:
    """Draw each variant's bits a weight against its KL divergence."""
    points = []
    for variant in model["ways"]:
        found = variant.get("kl")
        if found and math.isfinite(found["value"]):
            interval = None if found["low"] is None else (found["low"], found["high"])
            at = variant["bits_per_weight"], found["value"]
            points.append(Point(*at, variant["way"], variant["kind"], interval))
    bits = Axis("bits a linear weight takes, scales and zero points counted")
    return scatter(
        f"{model['name']}: what the bits buy",
        bits,
        Axis("KL to the original, nats a token", log=True),
        points,
    )


def protocols(result: dict[str, Any]) -> list[str]:
    """Describe the protocol and the columns; once if they are the same for all models."""
    texts = [
        f"Evaluated on {how['windows']} windows of {how['window']} tokens, stride {how['stride']}, "
        f"{how['tokens']:,} tokens, {how['dtype']}, {how['corpus']}; ± {how['interval']}. Linear: "
        "bytes of the linear layers' weights, scales and zero points counted; bits: of each such "
        "weight. Seconds and peak RSS: of quantising, in a process of its own."
        for how in (model["original"]["protocol"] for model in result["models"])
    ]
    return ["\n".join(textwrap.wrap(text, WIDTH)) for text in dict.fromkeys(texts)]


def brief(variant: dict[str, Any]) -> str:
    """Summarise a variant in a line."""
    if variant["status"] != "made":
        return f"{variant['status']}: {variant['why']}"
    return (
        f"{variant['bits_per_weight']:.3f} bits a weight, KL {variant['kl']['value']:.6f}, "
        f"{variant['seconds']:.0f} s"
    )


def _title(model: dict[str, Any]) -> str:
    before = model["original"]
    return (
        f"{model['name']}: {before['model_type']}, {amount(before['disk_bytes'])} on disk, linear "
        f"weights {amount(before['linear_bytes'])}, perplexity {_near(before['perplexity'], 2)}"
    )


def _row(variant: dict[str, Any]) -> tuple[str, ...]:
    if variant["status"] != "made":
        return variant["way"], f"{variant['status']}: {variant['why']}"
    return (
        variant["way"],
        amount(variant["disk_bytes"]),
        amount(variant["linear_bytes"]),
        f"{variant['bits_per_weight']:.3f}",
        f"{variant['perplexity']['value']:,.2f}",
        _near(variant["kl"], 6),
        _near(variant["top1_agreement"], 4),
        f"{variant['seconds']:.1f}",
        amount(variant["peak_rss_bytes"]),
    )


def _near(estimate: dict[str, Any], digits: int) -> str:
    """Write a value and half its interval."""
    value = f"{estimate['value']:,.{digits}f}"
    if estimate["low"] is None:
        return value
    return f"{value} ± {(estimate['high'] - estimate['low']) / 2:,.{digits}f}"


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    first = row[0].ljust(widths[0])
    if len(row) < len(widths):
        return f"{first}  {textwrap.shorten(row[1], WIDTH - widths[0] - 2, placeholder=' …')}"
    rest = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
    return "  ".join([first, *rest])


def _cells(row: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
