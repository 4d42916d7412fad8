"""Which bench is the baseline of another, and where it ran."""

from coldforge.report.page.formatting import form
from coldforge.report.results.engine import Bench, Cell, Measured


def where(cell: Cell) -> str:
    """Name a point of the grid."""
    batch = f", batch {cell.batch_size}" if cell.batch_size != 1 else ""
    return f"{form(cell.input_len, 'count')} → {form(cell.output_len, 'count')}{batch}"


def baseline(bench: Bench) -> Measured:
    """Return the engine that others are measured against: the first without any speed-up."""
    engines = [engine for engine in bench.engines if engine.cells]
    plain = (e for e in engines if all(cell.speedup is None for cell in e.cells))
    return next(plain, engines[0])
