"""How a TensorRT-LLM release's weight loader decodes checkpoints, layer by layer."""

from collections import Counter

from coldforge.report.page.model import Column, Row, Section, Table
from coldforge.report.results.engine import LayerVerdict, LoaderCheck
from coldforge.report.results.gather import Found, Runs
from coldforge.report.results.models import Models
from coldforge.report.sections import SectionMaker

EXACT = "exact"
SOUND = frozenset({EXACT, "rounded"})
"""Verdicts on layers that an engine can use."""


def make(runs: Runs, models: Models) -> Section | None:
    """Lay out a row for each check, and the layers that a release decodes wrongly."""
    checks = runs.of(LoaderCheck)
    if not checks:
        return None
    columns = [
        Column("checkpoint", "Checkpoint"),
        Column("release", "TensorRT-LLM"),
        Column("verdict", "Verdict"),
        Column("layers", "Layers", "count"),
        Column("exact", "Exact", "count"),
        Column("found", "Other verdicts"),
        Column("fixes", "What to do"),
    ]
    rows = [_row(item, models) for item in checks]
    found = Section(
        "loader", "Loader check",
        "How a release would decode each checkpoint, computed by its weight loader's rules.",
    )  # fmt: skip
    found.tables.append(Table("loader", "Weights as the release decodes them", columns, rows))
    if wrong := _wrong(checks, models):
        found.tables.append(wrong)
    return found


def layers_of(result: LoaderCheck) -> list[LayerVerdict]:
    """List the layers that were checked."""
    return [] if isinstance(result.layers, str) else result.layers


def _row(item: Found[LoaderCheck], models: Models) -> Row:
    result = item.result
    verdicts = Counter(layer.verdict for layer in layers_of(result))
    skipped = result.layers if isinstance(result.layers, str) else ""
    count, exact = verdicts.total(), verdicts.pop(EXACT, 0)
    return {
        "checkpoint": models.name(result.checkpoint) or item.name,
        "release": result.release,
        "verdict": skipped or result.verdict or (EXACT if not verdicts else "not exact"),
        "layers": count,
        "exact": exact,
        "found": ", ".join(f"{count} {name}" for name, count in verdicts.most_common()) or None,
        "fixes": "; ".join(result.fixes) or None,
    }


def _wrong(checks: list[Found[LoaderCheck]], models: Models) -> Table | None:
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
            "checkpoint": models.name(item.result.checkpoint) or item.name,
            "release": item.result.release,
            "verdict": layer.verdict,
            "share": layer.share_wrong,
            "why": layer.why,
        }
        for item in checks
        for layer in layers_of(item.result)
        if layer.verdict not in SOUND
    ]
    if not rows:
        return None
    caption = "Layers that are decoded wrongly"
    return Table("wrong", caption, columns, rows, split="checkpoint", folded=len(rows) > 12)


SECTION = SectionMaker(order=80, make=make)
