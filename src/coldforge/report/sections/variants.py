"""Many ways of quantising models in one table: surveys and sweeps."""

from typing import Any

from coldforge.report.page.model import Chart, Column, Row, Section, Table, Value
from coldforge.report.results.gather import Runs
from coldforge.report.results.model import Survey, SurveyedModel, SurveyEstimate, Sweep, SweepCell
from coldforge.report.results.models import Models
from coldforge.report.sections import SectionMaker

COLUMNS = [
    Column("bits", "Bits a weight", "bits"),
    Column("disk", "On disk", "bytes"),
    Column("ppl", "Perplexity", "perplexity", low="ppl-low", high="ppl-high"),
    Column("kl", "KL to the original", "nats", low="kl-low", high="kl-high"),
    Column("top1", "Top-1 agreement", "share", low="top1-low", high="top1-high"),
    Column("rate", "Output tokens a second", "rate"),
    Column("speedup", "Speed-up", "times"),
    Column("seconds", "Quantised in", "seconds"),
    Column("peak", "Peak memory", "bytes"),
    Column("status", "Status"),
]


def make(runs: Runs, _: Models) -> Section | None:
    """Lay out every survey's models and every sweep's cells."""
    found = Section("variants", "Ways compared")
    surveyed = [model for item in runs.of(Survey) for model in item.result.models]
    for at, model in enumerate(surveyed, 1):
        found.tables.append(_survey(model, f"survey-{at}"))
    for at, sweep in enumerate(runs.of(Sweep), 1):
        found.tables.append(_sweep(sweep.result, f"sweep-{at}"))
    for table in found.tables:
        if any(row.get("kl") is not None for row in table.rows):
            title = f"{table.caption}: KL to the original, nats a token"
            found.charts.append(
                Chart("interval", title, f"{title}, with 95 % intervals.", table.id,
                      table.columns[0].key, ["kl"], log=True)
            )  # fmt: skip
    return found if found.tables else None


def _survey(model: SurveyedModel, name: str) -> Table:
    rows: list[Row] = [
        {
            "way": way.way,
            "bits": way.bits_per_weight,
            "disk": way.disk_bytes,
            **_estimate("ppl", way.perplexity),
            **_estimate("kl", way.kl),
            **_estimate("top1", way.top1_agreement),
            "seconds": way.seconds,
            "peak": way.peak_rss_bytes,
            "status": None if way.status == "made" else way.status,
        }
        for way in model.ways
    ]
    return _table(name, f"Survey of {model.name}", [Column("way", "Way")], rows)


def _sweep(sweep: Sweep, name: str) -> Table:
    first = [
        Column("cell", "Cell"),
        Column("model", "Model"),
        Column("method", "Method"),
        Column("backend", "Backend"),
    ]
    return _table(name, "Sweep", first, [_cell(cell) for cell in sweep.cells])


def _cell(cell: SweepCell) -> Row:
    parts = (cell.model, cell.method, cell.backend)
    row: Row = {
        "cell": " · ".join(filter(None, parts)),
        "model": cell.model,
        "method": cell.method,
        "backend": cell.backend or None,
        "status": f"failed at {cell.error.get('step')}" if cell.error else None,
    }
    facts, evaluated = cell.quantize or {}, cell.evaluate or {}
    reference = evaluated.get("reference") or {}
    row |= {
        "bits": number(evaluated, "bits_per_weight"),
        "disk": number(facts, "disk_bytes") or number(evaluated, "disk_bytes"),
        "seconds": number(facts, "seconds"),
        "peak": number(facts, "peak_rss_bytes"),
        "ppl": number(evaluated, "perplexity"),
        "kl": number(reference, "kl"),
        "top1": number(reference, "top1_agreement"),
    }
    for key, side, name in (
        ("ppl", evaluated, "perplexity"),
        ("kl", reference, "kl"),
        ("top1", reference, "top1_agreement"),
    ):
        row |= _interval(key, side, f"{name}_interval")
    return row | _speed(cell.bench or {})


def _speed(bench: dict[str, Any]) -> Row:
    """Return speed at the first point of the grid of the last engine, which is the cell's own."""
    engines = [item for item in _dicts(bench.get("engines")) if _dicts(item.get("cells"))]
    if not engines:
        return {}
    at = _dicts(engines[-1]["cells"])[0]
    return {"rate": number(at, "output_tokens_per_s"), "speedup": number(at, "speedup")}


def _interval(key: str, side: dict[str, Any], name: str) -> Row:
    bounds = side.get(name)
    if not isinstance(bounds, list) or len(bounds) != 2:
        return {}
    low, high = ({"value": item} for item in bounds)
    return {f"{key}-low": number(low, "value"), f"{key}-high": number(high, "value")}


def _estimate(key: str, found: SurveyEstimate | None) -> Row:
    if found is None:
        return {}
    bounds: Row = {f"{key}-low": found.low, f"{key}-high": found.high}
    return {key: found.value} | (bounds if found.low is not None else {})


def _table(name: str, caption: str, first: list[Column], rows: list[Row]) -> Table:
    """Leave out the columns that no row fills."""
    filled = [item for item in COLUMNS if any(row.get(item.key) is not None for row in rows)]
    return Table(name, caption, [*first, *filled], rows)


def number(side: dict[str, Any], name: str) -> Value:
    """Return a number, None for anything else."""
    value = side.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _dicts(value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - whatever JSON holds
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


SECTION = SectionMaker(order=70, make=make)
