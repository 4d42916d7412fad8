"""What engines hold in memory, measured; and what they would on a card, predicted."""

from coldforge.report.page.model import Chart, Column, Mark, Row, Section, Table
from coldforge.report.results.benches import benches_of
from coldforge.report.results.engine import Bench, Checked, Measured, Predicted
from coldforge.report.results.gather import Runs
from coldforge.report.results.models import Models
from coldforge.report.results.speed import where

PARTS = {"weights": "Weights", "kv": "KV cache", "workspace": "Workspace"}
HOST = {"host_memory": "Host memory", "host_peak": "Its peak"}
"""What a bench says of how it weighed."""


def section(runs: Runs, models: Models) -> Section | None:
    """Lay out each bench's memory, then every prediction."""
    found = Section("memory", "Memory")
    found_in = benches_of(runs)
    for at, bench in enumerate(found_in, 1):
        found.tables.append(_measured(bench, f"memory-{at}"))
    said = [
        f"{title}: {text}."
        for key, title in HOST.items()
        for text in dict.fromkeys(getattr(bench.protocol, key) for bench in found_in)
        if text
    ]
    if predictions := _predictions(runs, models):
        parts, cards, formulas = _parts(predictions), _cards(predictions), _formulas(predictions)
        found.tables += [table for table in (parts, cards, formulas) if table.rows]
        found.charts.append(_chart(parts, predictions))
        said.append("Predicted from the configuration alone.")
    found.lead = " ".join(said)
    return found if found.tables else None


def _formulas(predictions: dict[str, Predicted]) -> Table:
    """List how each part is computed, once if it is the same for several."""
    rows: dict[tuple[str, str], Row] = {}
    for name, said in predictions.items():
        for part, text in said.formula.items():
            row = rows.setdefault(
                (part, text), {"part": PARTS.get(part, part), "formula": text, "of": None}
            )
            row["of"] = ", ".join(filter(None, (str(row["of"] or ""), name)))
    columns = [Column("part", "Part"), Column("formula", "How it is computed"), Column("of", "Of")]
    return Table("formulas", "Formulas of the predictions", columns, list(rows.values()))


def _measured(bench: Bench, name: str) -> Table:
    """Make a row of each engine: on disk, after load, and at the peak of each point of the grid."""
    rows: list[Row] = []
    columns = [
        Column("engine", "Engine"),
        Column("disk", "On disk", "bytes"),
        Column("load", "Time to load", "seconds"),
    ]
    for side, title in (("host", "Host memory"), ("device", "Device memory")):
        columns.append(Column(f"{side}-loaded", "after load", "bytes", group=title))
        cells = dict.fromkeys(where(cell) for engine in bench.engines for cell in engine.cells)
        columns += [
            Column(f"{side}-{at}", f"peak at {cell}", "bytes", group=title)
            for at, cell in enumerate(cells)
        ]
        columns.append(Column(f"{side}-peak", "peak", "bytes", group=title))
    for engine in bench.engines:
        rows.append({"engine": engine.name, "disk": engine.disk_bytes, "load": engine.load_seconds})
        rows[-1].update(_held(bench, engine))
    columns = [item for item in columns if any(row.get(item.key) is not None for row in rows)]
    return Table(name, "Memory measured, of the process that runs the engine", columns, rows)


def _held(bench: Bench, engine: Measured) -> Row:
    cells = list(dict.fromkeys(where(cell) for item in bench.engines for cell in item.cells))
    row: Row = {}
    for side in ("host", "device"):
        row[f"{side}-loaded"] = getattr(engine.memory, f"{side}_loaded_bytes")
        row[f"{side}-peak"] = getattr(engine.memory, f"{side}_peak_bytes")
        for cell in engine.cells:
            row[f"{side}-{cells.index(where(cell))}"] = getattr(cell, f"{side}_peak_bytes")
    return row


def _predictions(runs: Runs, models: Models) -> dict[str, Predicted]:
    """Name every prediction, asked for or of a loader check, by what tells it from others."""
    given = [
        (item.said.model or item.name.removeprefix("engine.memory-"), item.said)
        for item in runs.of(Predicted)
    ]
    given += [
        (models.name(check.said.checkpoint) or check.name, check.said.memory)
        for check in runs.of(Checked)
        if check.said.memory
    ]
    shared = _shared([said for _, said in given])
    found: dict[str, Predicted] = {}
    for name, said in given:
        parts = [part for part in _setting(said) if part not in shared and part != name]
        title = ", ".join([name, *parts])
        copies = sum(known.startswith(title) for known in found)
        found[f"{title} ({copies + 1})" if copies else title] = said
    return found


def _shared(predictions: list[Predicted]) -> list[str]:
    """List the settings that all predictions have."""
    first, *others = [_setting(said) for said in predictions] or [[]]
    return [part for part in first if all(part in other for other in others)]


def _setting(said: Predicted) -> list[str]:
    lengths = f"{said.max_input_len} + {said.max_output_len} tokens" if said.max_input_len else ""
    batch = f"batch {said.max_batch_size}" if said.max_batch_size else ""
    cards = [f"{name} {count}" for name, count in (("tp", said.tp), ("pp", said.pp)) if count > 1]
    return [*filter(None, (said.precision, said.backend, batch, lengths)), *cards]


def _parts(predictions: dict[str, Predicted]) -> Table:
    columns = [Column("engine", "Engine")]
    columns += [Column(key, title, "memory") for key, title in PARTS.items()]
    columns.append(Column("total", "Total", "memory"))
    rows: list[Row] = [
        {
            "engine": name,
            **{key: getattr(said, f"{key}_bytes") for key in PARTS},
            "total": said.total_bytes,
        }
        for name, said in predictions.items()
    ]
    shared = "".join(f", {part}" for part in _shared(list(predictions.values())))
    return Table("predicted", f"Memory predicted{shared}", columns, rows)


def _cards(predictions: dict[str, Predicted]) -> Table:
    """Make a row of each card, with what every engine leaves of it."""
    columns = [Column("card", "Card"), Column("usable", "Usable", "memory")]
    rows: dict[str, Row] = {}
    for at, (name, said) in enumerate(predictions.items()):
        columns.append(Column(f"free-{at}", name, "room"))
        for card in said.cards:
            row = rows.setdefault(card.name, {"card": card.name, "usable": card.usable_bytes})
            row[f"free-{at}"] = card.free_bytes
    ordered = sorted(rows.values(), key=lambda row: float(row["usable"] or 0))
    return Table("cards", "Which cards it fits", columns, ordered)


def _chart(parts: Table, predictions: dict[str, Predicted]) -> Chart:
    sizes = {card.name: card.usable_bytes for said in predictions.values() for card in said.cards}
    marks = [Mark(name, size) for name, size in sorted(sizes.items(), key=lambda item: item[1])]
    return Chart(
        "stack", "Predicted memory against cards",
        "Weights, KV cache and workspace of each engine, against the usable memory of cards.",
        parts.id, "engine", list(PARTS), marks,
    )  # fmt: skip
