"""Speed of engines: tokens a second and speed-up over the grid, and latency percentiles."""

from coldforge.report.page.model import Chart, Column, Mark, Row, Section, Table
from coldforge.report.results.engine import Bench
from coldforge.report.results.gather import Runs
from coldforge.report.results.models import Models, benches_of
from coldforge.report.sections import SectionMaker

LATENCIES = {
    "ttft": "Time to the first token (TTFT)",
    "tpot": "Mean time of each further token (TPOT)",
    "itl": "Time between two tokens (ITL)",
    "e2e": "Time of the whole answer (E2E)",
}
SETTINGS = {"repeats": "repeats", "warmup": "warm-up", "threads": "threads"}
PERCENTILES = ("mean", "p50", "p90", "p95", "p99")
Place = tuple[int, int, int]
"""A point of the grid: input, output, batch size."""


def make(runs: Runs, _: Models) -> Section | None:
    """Lay out every bench: its grid, then its latencies."""
    benches = benches_of(runs)
    if not benches:
        return None
    found = Section("speed", "Speed", " ".join(dict.fromkeys(_lead(item) for item in benches)))
    for at, bench in enumerate(benches, 1):
        grid = _grid(bench, f"speed-{at}", _where(bench, len(benches)))
        found.tables.append(grid)
        if chart := _chart(grid):
            found.charts.append(chart)
        found.tables += [
            _latency(bench, name, f"{name}-{at}", _where(bench, len(benches))) for name in LATENCIES
        ]
    return found


def _lead(bench: Bench) -> str:
    how, device = bench.protocol, bench.device
    runs = [f"{name} {count}" for key, name in SETTINGS.items() if (count := getattr(how, key))]
    cores = f", {device.cores} cores" if device.cores else ""
    where = f" on {device.title}{cores}" if device.title else ""
    listed = f": {', '.join(runs)}" if runs else ""
    order = "one after the other, each in a run of its own" if bench.apart else "in one run"
    turns = f" Order: {how.order}." if how.order and not bench.apart else ""
    return f"Measured {order}{where}{listed}.{turns} Tokens a second are medians."


def _where(bench: Bench, count: int) -> str:
    return f", {bench.device.title}" if count > 1 and bench.device.title else ""


def _grid(bench: Bench, name: str, where_it_ran: str) -> Table:
    """Make a row of each point of the grid, with every engine's rate and speed-up."""
    plain = bench.baseline
    engines = [engine for engine in bench.engines if engine.cells]
    keys = {id(engine): str(at) for at, engine in enumerate(engines)}
    columns = [Column("cell", "Input → output", unit="tokens")]
    columns += [
        Column(f"rate-{keys[id(e)]}", e.name, "rate", group="Output tokens a second")
        for e in engines
    ]
    columns += [
        Column(f"speedup-{keys[id(e)]}", e.name, "times", group=f"Speed-up over {plain.name}")
        for e in engines
        if any(cell.speedup is not None for cell in e.cells)
    ]
    rows: dict[Place, Row] = {}
    for engine in engines:
        for cell in engine.cells:
            row = rows.setdefault(cell.place, {"cell": cell.title})
            row[f"rate-{keys[id(engine)]}"] = cell.output_tokens_per_s
            if cell.speedup is not None:
                row[f"speedup-{keys[id(engine)]}"] = cell.speedup
    return Table(name, f"Speed over the grid{where_it_ran}", columns, list(rows.values()))


def _chart(grid: Table) -> Chart | None:
    gains = [column for column in grid.columns if column.key.startswith("speedup-")]
    drawn = [
        column.key for column in gains if any(row.get(column.key) is not None for row in grid.rows)
    ]
    if not drawn:
        return None
    over = gains[0].group
    plain = over.removeprefix("Speed-up over ")
    return Chart(
        "bars", over, f"{grid.caption}: {over.lower()} at each input and output length.",
        grid.id, "cell", drawn, [Mark(plain, 1.0)],
    )  # fmt: skip


def _latency(bench: Bench, kind: str, name: str, where_it_ran: str) -> Table:
    """List one latency of each engine at each point of the grid."""
    columns = [Column("cell", "Input → output", unit="tokens"), Column("engine", "Engine")]
    columns += [Column(item, item, "ms") for item in PERCENTILES]
    rows: list[Row] = []
    places = dict.fromkeys(cell.place for engine in bench.engines for cell in engine.cells)
    for place in places:
        for engine in bench.engines:
            for cell in (item for item in engine.cells if item.place == place):
                latency = getattr(cell, f"{kind}_ms")
                figures = {item: getattr(latency, item, None) for item in PERCENTILES}
                rows.append({"cell": cell.title, "engine": engine.name, **figures})
    return Table(name, f"{LATENCIES[kind]}, ms{where_it_ran}", columns, rows, split="cell")


SECTION = SectionMaker(order=30, make=make)
