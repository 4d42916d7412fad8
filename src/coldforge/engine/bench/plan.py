"""What a bench measures, engines and a grid of lengths; checked before anything is loaded."""

from dataclasses import dataclass
from pathlib import Path

from coldforge.engine.card import Engine, read_engine
from coldforge.errors import ColdforgeError
from coldforge.model.families.dimensions import read_dimensions

Lengths = tuple[int, int]
"""Tokens in, tokens out."""
SEED = 0


def parse_grid(text: str) -> list[Lengths]:
    """Read `in,out;in,out`; raise ColdforgeError for another syntax, or a cell given twice.

    Spelled as TensorRT-LLM's benchmarks/python spells --input_output_len.
    """
    cells = [_cell(part) for part in text.split(";") if part.strip()]
    if not cells or len(set(cells)) < len(cells):
        what = "is empty" if not cells else "names a cell twice"
        raise ColdforgeError(f"--grid {text!r} {what}", 'write --grid "2048,1024;128,128"')
    return cells


def refuse_long(cells: list[Lengths], positions: int, name: str) -> None:
    """Raise ColdforgeError if a cell is longer than an engine's context; hint at what fits."""
    long = [cell for cell in cells if sum(cell) > positions]
    if not long:
        return
    tokens_in, tokens_out = max(long, key=sum)
    largest = max((cell for cell in cells if sum(cell) <= positions), key=sum, default=None)
    fits = (
        f"{largest[0]},{largest[1]} of the grid fits" if largest else _fitting(long[0], positions)
    )
    raise ColdforgeError(
        f"{tokens_in},{tokens_out} does not fit {name}: it takes {positions} tokens, in and out",
        f"{fits}; leave longer ones out",
    )


def _fitting(cell: Lengths, positions: int) -> str:
    """Name the largest cell that splits the whole context as `cell` splits its own."""
    tokens_in = min(max(1, positions * cell[0] // sum(cell)), positions - 1)
    return f"{tokens_in},{positions - tokens_in} would fit"


def _cell(part: str) -> Lengths:
    numbers = part.split(",")
    try:
        tokens_in, tokens_out = (int(number) for number in numbers)
    except ValueError:
        tokens_in = tokens_out = 0
    if tokens_in < 1 or tokens_out < 1:
        raise ColdforgeError(
            f"--grid: {part.strip()!r} is not a pair of lengths", 'write --grid "2048,1024;128,128"'
        )
    return tokens_in, tokens_out


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
class BenchPlan:
    """Engines, and a grid that fits their contexts."""

    engines: tuple[Engine, ...]
    names: tuple[str, ...]
    cells: tuple[Lengths, ...]
    vocab: int
    """Size of the smallest vocabulary."""
    asked: Measuring


def plan(folders: list[str], asked: Measuring) -> BenchPlan:
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
    return BenchPlan(engines, names, tuple(cells), vocab, asked)


def _names(folders: list[Path]) -> tuple[str, ...]:
    """Name engines by their folders, with as many parents as make them different."""
    for depth in range(1, max((len(folder.parts) for folder in folders), default=1)):
        names = tuple("/".join(folder.parts[-depth:]) for folder in folders)
        if len(set(names)) == len(names):
            return names
    return tuple(map(str, folders))
