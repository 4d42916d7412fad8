"""The grid of a bench: cells of input and output lengths."""

from coldforge.errors import ColdforgeError

Lengths = tuple[int, int]
"""Tokens in, tokens out."""


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
