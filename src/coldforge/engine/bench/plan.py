"""What a bench measures, checked before anything is loaded."""

from dataclasses import dataclass
from pathlib import Path

from coldforge.engine.bench.grid import Lengths, parse_grid, refuse_long
from coldforge.engine.card import Engine, read_engine
from coldforge.errors import ColdforgeError
from coldforge.model.families.dimensions import read_dimensions

SEED = 0


@dataclass(frozen=True)
class Measuring:
    """How to measure."""

    grid: str
    """Lengths in and out: `in,out;in,out`."""
    batch_size: int = 1
    repeats: int = 5
    warmup: int = 1
    """Requests of each cell and engine that are not counted."""
    threads: int = 0
    """To compute with; 0 takes every core."""


@dataclass(frozen=True)
class Plan:
    """Engines, and a grid that fits their contexts."""

    engines: tuple[Engine, ...]
    names: tuple[str, ...]
    cells: tuple[Lengths, ...]
    vocab: int
    """Size of the smallest vocabulary."""
    asked: Measuring


def plan(folders: list[str], asked: Measuring) -> Plan:
    """Check engines and numbers; raise ColdforgeError if something cannot be measured."""
    if asked.repeats < 1 or asked.batch_size < 1 or asked.warmup < 0 or asked.threads < 0:
        raise ColdforgeError(
            "a number is too small",
            "--repeats and --batch-size take 1 or more, --warmup and --threads 0 or more",
        )
    cells = parse_grid(asked.grid)
    engines = tuple(read_engine(Path(folder)) for folder in folders)
    if not engines or len({engine.folder for engine in engines}) < len(engines):
        what = "an engine is named twice" if engines else "--engine is missing"
        raise ColdforgeError(what, "give --engine DIR, once for each")
    sizes = [read_dimensions(engine.folder) for engine in engines]
    names = _names([engine.folder for engine in engines])
    for size, name in zip(sizes, names, strict=True):
        refuse_long(cells, size.positions, name)
    vocab = min(size.vocab for size in sizes)
    return Plan(engines, names, tuple(cells), vocab, asked)


def _names(folders: list[Path]) -> tuple[str, ...]:
    """Name engines by their folders, with as many parents as make them different."""
    for depth in range(1, max((len(folder.parts) for folder in folders), default=1)):
        names = tuple("/".join(folder.parts[-depth:]) for folder in folders)
        if len(set(names)) == len(names):
            return names
    return tuple(map(str, folders))
