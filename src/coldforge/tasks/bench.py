"""bench: how fast engines answer, and what memory they hold."""

from functools import partial
from pathlib import Path
from typing import Any

from invoke.context import Context

from coldforge.tasks._command import emit, everywhere, task
from coldforge.tasks._in_image import HELP, flags, full, given, outside


@partial(
    task,
    iterable=["engine"],
    help={
        **HELP,
        "engine": "Engine directory to measure; once for each.",
        "grid": "Tokens in and out, a pair a cell: 2048,1024;128,128.",
        "batch_size": "Prompts answered at once.",
        "repeats": "Requests measured in each cell.",
        "warmup": "Requests before them that are not.",
        "threads": "Threads to compute with; 0 takes every core.",
        "out": "Folder for bench.json and bench.csv.",
    },
)
def bench(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    engine: list[str],
    grid: str = "128,128",
    batch_size: int = 1,
    repeats: int = 5,
    warmup: int = 1,
    threads: int = 0,
    out: str = "",
    yes: bool = False,
    json: bool = False,
) -> None:
    """Time engines over a grid of lengths, their requests taken in turn; weigh their memory.

    Example: invoke bench --engine engines/fp32 --engine engines/int4 --grid "256,64;64,256"
    """
    from coldforge.engine.bench.plan import Measuring, plan
    from coldforge.engine.commands.bench import refuse_file, run_bench

    asked = Measuring(grid, batch_size, repeats, warmup, threads)
    if outside():
        plan(engine, asked)
        refuse_file(out)
        spelled = [f"--engine={full(path)}" for path in engine]
        spelled += flags(**vars(asked), out=full(out), json=json)
        _hand_over(spelled, given(*engine), given(out), yes)
        return
    found = run_bench(engine, asked, out)
    emit(found, json, table(found))


def _hand_over(spelled: list[str], reads: list[Path], writes: list[Path], yes: bool) -> None:
    """Run in the image, which writes into the folder itself: two files, each replaced at once."""
    from coldforge.tasks._in_image import Inside, run

    run(Inside("bench", spelled, reads, writes, yes=yes))


def table(found: dict[str, Any]) -> str:
    """Lay out a block for each cell, an engine a line; then how it was measured."""
    blocks = [_block(found["engines"], at) for at in range(len(found["protocol"]["grid"]))]
    how, device = found["protocol"], found["device"]
    tail = [
        f"medians of {how['repeats']} after {how['warmup']} to warm up, {how['order']}; "
        f"batch {how['batch_size']}; {device['name']}, {device['cores']} cores",
        f"memory: {how['host_memory']}; peak {how['host_peak']}",
        *(f"{name} skipped: {why}" for name, why in device["skipped"].items()),
    ]
    return "\n".join([*blocks, *tail])


def _block(engines: list[dict[str, Any]], at: int) -> str:
    cell = engines[0]["cells"][at]
    width = max(20, *(len(engine["name"]) + 2 for engine in engines))
    head = f"{cell['input_len']} in, {cell['output_len']} out"
    names = f"{'TTFT':>12}{'TPOT':>12}{'tokens/s':>12}{'speed-up':>10}{'loaded':>12}{'peak':>12}"
    lines = [f"{head:<{width}}{names}"]
    lines += [_line(engine, engine["cells"][at], width) for engine in engines]
    return "\n".join([*lines, ""])


def _line(engine: dict[str, Any], cell: dict[str, Any], width: int) -> str:
    from coldforge.progress import amount

    loaded, peak = amount(engine["memory"]["host_loaded_bytes"]), amount(cell["host_peak_bytes"])
    speedup = "1" if cell["speedup"] is None else f"{cell['speedup']:.2f}"
    return (
        f"{engine['name']:<{width}}{_time(cell['ttft_ms']):>12}{_time(cell['tpot_ms']):>12}"
        f"{cell['output_tokens_per_s']:>12,.1f}{speedup:>10}{loaded:>12}{peak:>12}"
    )


def _time(found: dict[str, float] | None) -> str:
    return "—" if found is None else f"{found['p50']:,.2f} ms"


TASKS = everywhere(bench)
