"""Memory of engines: measured, and predicted for cards."""

from coldforge.report.page.model import Chart, Column, Mark, Row, Section, Table
from coldforge.report.results.engine import Bench, BenchedEngine, LoaderCheck, MemoryPrediction
from coldforge.report.results.gather import Runs
from coldforge.report.results.models import Models, benches_of
from coldforge.report.sections import SectionMaker

PARTS = {"weights": "Weights", "kv": "KV cache", "workspace": "Workspace"}
HOST = {"host_memory": "Host memory", "host_peak": "Its peak"}
"""Fields of a bench's protocol that say how memory was measured."""


def make(runs: Runs, models: Models) -> Section | None:
    """Lay out each bench's memory, then every prediction."""
    found = Section("memory", "Memory")
    benches = benches_of(runs)
    for at, bench in enumerate(benches, 1):
        found.tables.append(_measured(bench, f"memory-{at}"))
    lead = [
        f"{title}: {text}."
        for key, title in HOST.items()
        for text in dict.fromkeys(getattr(bench.protocol, key) for bench in benches)
        if text
    ]
    if predictions := _predictions(runs, models):
        parts, cards, formulas = _parts(predictions), _cards(predictions), _formulas(predictions)
        found.tables += [table for table in (parts, cards, formulas) if table.rows]
        found.charts.append(_chart(parts, predictions))
        lead.append("Predicted from the configuration only.")
    found.lead = " ".join(lead)
    return found if found.tables else None


def _formulas(predictions: dict[str, MemoryPrediction]) -> Table:
    """List how each part is computed; equal formulas share a row."""
    rows: dict[tuple[str, str], Row] = {}
    for name, result in predictions.items():
        for part, text in result.formula.items():
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
        cells = dict.fromkeys(cell.title for engine in bench.engines for cell in engine.cells)
        columns += [
            Column(f"{side}-{at}", f"peak at {cell}", "bytes", group=title)
            for at, cell in enumerate(cells)
        ]
        columns.append(Column(f"{side}-peak", "peak", "bytes", group=title))
    for engine in bench.engines:
        rows.append({"engine": engine.name, "disk": engine.disk_bytes, "load": engine.load_seconds})
        rows[-1].update(_memory_row(bench, engine))
    columns = [item for item in columns if any(row.get(item.key) is not None for row in rows)]
    return Table(name, "Memory measured, of the process that runs the engine", columns, rows)


def _memory_row(bench: Bench, engine: BenchedEngine) -> Row:
    cells = list(dict.fromkeys(cell.title for item in bench.engines for cell in item.cells))
    row: Row = {}
    for side in ("host", "device"):
        row[f"{side}-loaded"] = getattr(engine.memory, f"{side}_loaded_bytes")
        row[f"{side}-peak"] = getattr(engine.memory, f"{side}_peak_bytes")
        for cell in engine.cells:
            row[f"{side}-{cells.index(cell.title)}"] = getattr(cell, f"{side}_peak_bytes")
    return row


def _predictions(runs: Runs, models: Models) -> dict[str, MemoryPrediction]:
    """Name every prediction, of engine.memory or a loader check, by what distinguishes it."""
    given = [
        (item.result.model or item.name.removeprefix("engine.memory-"), item.result)
        for item in runs.of(MemoryPrediction)
    ]
    given += [
        (models.name(check.result.checkpoint) or check.name, check.result.memory)
        for check in runs.of(LoaderCheck)
        if check.result.memory
    ]
    shared = _shared([result for _, result in given])
    found: dict[str, MemoryPrediction] = {}
    for name, result in given:
        parts = [part for part in _setting(result) if part not in shared and part != name]
        title = ", ".join([name, *parts])
        copies = sum(known.startswith(title) for known in found)
        found[f"{title} ({copies + 1})" if copies else title] = result
    return found


def _shared(predictions: list[MemoryPrediction]) -> list[str]:
    """List the settings that all predictions have."""
    first, *others = [_setting(result) for result in predictions] or [[]]
    return [part for part in first if all(part in other for other in others)]


def _setting(result: MemoryPrediction) -> list[str]:
    lengths = (
        f"{result.max_input_len} + {result.max_output_len} tokens" if result.max_input_len else ""
    )
    batch = f"batch {result.max_batch_size}" if result.max_batch_size else ""
    cards = [
        f"{name} {count}" for name, count in (("tp", result.tp), ("pp", result.pp)) if count > 1
    ]
    return [*filter(None, (result.precision, result.backend, batch, lengths)), *cards]


def _parts(predictions: dict[str, MemoryPrediction]) -> Table:
    columns = [Column("engine", "Engine")]
    columns += [Column(key, title, "memory") for key, title in PARTS.items()]
    columns.append(Column("total", "Total", "memory"))
    rows: list[Row] = [
        {
            "engine": name,
            **{key: getattr(result, f"{key}_bytes") for key in PARTS},
            "total": result.total_bytes,
        }
        for name, result in predictions.items()
    ]
    shared = "".join(f", {part}" for part in _shared(list(predictions.values())))
    return Table("predicted", f"Memory predicted{shared}", columns, rows)


def _cards(predictions: dict[str, MemoryPrediction]) -> Table:
    """Make a row of each card, with the memory that every engine leaves free."""
    columns = [Column("card", "Card"), Column("usable", "Usable", "memory")]
    rows: dict[str, Row] = {}
    for at, (name, result) in enumerate(predictions.items()):
        columns.append(Column(f"free-{at}", name, "room"))
        for card in result.cards:
            row = rows.setdefault(card.name, {"card": card.name, "usable": card.usable_bytes})
            row[f"free-{at}"] = card.free_bytes
    ordered = sorted(rows.values(), key=lambda row: float(row["usable"] or 0))
    return Table("cards", "Which cards it fits", columns, ordered)


def _chart(parts: Table, predictions: dict[str, MemoryPrediction]) -> Chart:
    sizes = {
        card.name: card.usable_bytes for result in predictions.values() for card in result.cards
    }
    marks = [Mark(name, size) for name, size in sorted(sizes.items(), key=lambda item: item[1])]
    return Chart(
        "stack", "Predicted memory against cards",
        "Weights, KV cache and workspace of each engine, against the usable memory of cards.",
        parts.id, "engine", list(PARTS), marks,
    )  # fmt: skip


SECTION = SectionMaker(order=40, make=make)
