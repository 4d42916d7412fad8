"""What a release's loader makes of checkpoints, layer by layer."""

from collections import Counter

from coldforge.report.page.model import Column, Row, Section, Table
from coldforge.report.results.engine import Checked, Decoded
from coldforge.report.results.gather import Found, Runs
from coldforge.report.results.models import Models

EXACT = "exact"
SOUND = frozenset({EXACT, "rounded"})
"""Verdicts on layers that an engine may be built with."""


def section(runs: Runs, models: Models) -> Section | None:
    """Lay out a row for each check, and the layers that a release reads wrongly."""
    checks = runs.of(Checked)
    if not checks:
        return None
    columns = [
        Column("checkpoint", "Checkpoint"),
        Column("release", "TensorRT-LLM"),
        Column("verdict", "Verdict"),
        Column("layers", "Layers", "count"),
        Column("exact", "Exact", "count"),
        Column("found", "What else was found"),
        Column("fixes", "What to do"),
    ]
    rows = [_row(item, models) for item in checks]
    found = Section(
        "loader", "Loader check",
        "What a release would decode from each checkpoint, told on a CPU from its loader's rules.",
    )  # fmt: skip
    found.tables.append(Table("loader", "What the loader decodes", columns, rows))
    if wrong := _wrong(checks, models):
        found.tables.append(wrong)
    return found


def layers_of(said: Checked) -> list[Decoded]:
    """List the layers that were looked at."""
    return [] if isinstance(said.layers, str) else said.layers


def _row(item: Found[Checked], models: Models) -> Row:
    said = item.said
    verdicts = Counter(layer.verdict for layer in layers_of(said))
    skipped = said.layers if isinstance(said.layers, str) else ""
    count, exact = verdicts.total(), verdicts.pop(EXACT, 0)
    return {
        "checkpoint": models.name(said.checkpoint) or item.name,
        "release": said.release,
        "verdict": skipped or said.verdict or (EXACT if not verdicts else "not exact"),
        "layers": count,
        "exact": exact,
        "found": ", ".join(f"{count} {name}" for name, count in verdicts.most_common()) or None,
        "fixes": "; ".join(said.fixes) or None,
    }


def _wrong(checks: list[Found[Checked]], models: Models) -> Table | None:
    columns = [
        Column("layer", "Layer"),
        Column("checkpoint", "Checkpoint"),
        Column("release", "TensorRT-LLM"),
        Column("verdict", "Verdict"),
        Column("share", "Weights wrong", "share"),
        Column("why", "Why"),
    ]
    rows: list[Row] = [
        {
            "layer": layer.name,
            "checkpoint": models.name(item.said.checkpoint) or item.name,
            "release": item.said.release,
            "verdict": layer.verdict,
            "share": layer.share_wrong,
            "why": layer.why,
        }
        for item in checks
        for layer in layers_of(item.said)
        if layer.verdict not in SOUND
    ]
    if not rows:
        return None
    caption = "Layers that are not decoded as they are meant"
    return Table("wrong", caption, columns, rows, split="checkpoint", folded=len(rows) > 12)
