"""Measure engines over a grid of lengths, in turn, each in a process of its own."""

import json
import platform
import random
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from coldforge.engine.backend import cores, runtimes
from coldforge.engine.bench import csv, process_memory
from coldforge.engine.bench.plan import SEED, BenchPlan, Lengths, Measuring, plan
from coldforge.engine.bench.timing import PERCENTILES, base_of, speeds, speedups
from coldforge.errors import ColdforgeError
from coldforge.evaluate.workers.worker import Worker, in_turn, start_workers
from coldforge.files.atomic import write_file
from coldforge.model.card_facts import circumstances
from coldforge.progress import step

WORKER = "coldforge.engine.bench.worker"
JSON, CSV = "bench.json", "bench.csv"
CPUINFO = Path("/proc/cpuinfo")
HOW = "uniform over the vocabulary that all engines share, by Python's generator, seeded per cell"

Result = dict[str, Any]


def run_bench(engines: list[str], asked: Measuring, out: str = "") -> Result:
    """Measure each engine in each cell of the grid; write bench.json and bench.csv to `out`.

    Raise ColdforgeError, before anything is loaded, for a cell longer than an engine's context.
    """
    started = time.monotonic()
    planned = plan(engines, asked)
    refuse_file(out)
    with start_workers(*(engine.folder for engine in planned.engines), module=WORKER) as workers:
        with step("Loading the engines", len(workers), "engines") as work:
            loads = in_turn(workers, 1, work.advance, "load", threads=asked.threads)
        cells = [_cell(workers, planned, cell) for cell in planned.cells]
    first = loads[0][0]
    found = {
        "protocol": _protocol(planned, cells),
        "engines": _engines(planned, [load[0] for load in loads], cells),
        "device": machine(cells[-1][0]["card"] or first["card"], first["skipped"]),
        **circumstances("bench", started),
    }
    found["versions"] = found["versions"] | runtimes()
    if out:
        write_file(Path(out) / JSON, (json.dumps(found, indent=2, sort_keys=True) + "\n").encode())
        write_file(Path(out) / CSV, csv.spell(found).encode())
    return found


def refuse_file(out: str) -> None:
    """Raise ColdforgeError if `out` exists and is not a folder."""
    if out and Path(out).exists() and not Path(out).is_dir():
        raise ColdforgeError(f"{out} is not a directory", "name another --out")


def _cell(workers: list[Worker], planned: BenchPlan, cell: Lengths) -> list[Result]:
    """Let every engine answer the same prompts; return what each measured after the warm-up."""
    (tokens_in, count), asked = cell, planned.asked
    drawn = prompts(planned.vocab, tokens_in, asked.batch_size, SEED)
    rounds = asked.warmup + asked.repeats
    title = f"{tokens_in} tokens in, {count} out"
    with step(title, rounds * len(workers), "requests") as work:
        runs = in_turn(workers, rounds, work.advance, "answer", prompts=drawn, count=count)
    return [_measured(cell, run[asked.warmup :], asked.batch_size) for run in runs]


def _measured(cell: Lengths, requests: list[Result], batch_size: int) -> Result:
    last = requests[-1]
    return {
        "input_len": cell[0],
        "output_len": cell[1],
        "batch_size": batch_size,
        **speeds([request["at"] for request in requests], batch_size),
        "host_peak_bytes": max(request["host_peak_bytes"] for request in requests),
        "device_peak_bytes": last["device_bytes"],
        "reset": last["reset"],
        "card": last["card"],
    }


def _engines(planned: BenchPlan, loads: list[Result], cells: list[list[Result]]) -> list[Result]:
    """List the engines with their cells, each compared with the same baseline."""
    engines = [
        {
            "name": name,
            "folder": str(engine.folder),
            **{key: engine.card[key] for key in ("backend", "precision", "digest", "checkpoint")},
            "disk_bytes": engine.card["disk_bytes"],
            "memory": _memory(load, [cell[at] for cell in cells]),
            "load_seconds": load["seconds"],
        }
        for at, (name, engine, load) in enumerate(
            zip(planned.names, planned.engines, loads, strict=True)
        )
    ]
    base = base_of(engines)
    for row in cells:
        faster = speedups([one["output_tokens_per_s"] for one in row], base)
        for engine, one, speedup in zip(engines, row, faster, strict=True):
            shown = {key: value for key, value in one.items() if key not in {"reset", "card"}}
            engine.setdefault("cells", []).append({**shown, "speedup": speedup})
    return engines


def _memory(load: Result, cells: list[Result]) -> Result:
    peaks = [cell["device_peak_bytes"] for cell in cells]
    return {
        "host_loaded_bytes": load["loaded"]["rss_bytes"],
        "host_loaded_pss_bytes": load["loaded"]["pss_bytes"],
        "host_libraries_bytes": load["libraries"]["rss_bytes"],
        "host_peak_bytes": max(cell["host_peak_bytes"] for cell in cells),
        "device_loaded_bytes": load["device_bytes"],
        "device_peak_bytes": None if None in peaks else max(peaks),
    }


def _protocol(planned: BenchPlan, cells: list[list[Result]]) -> Result:
    asked = planned.asked
    reset = all(one["reset"] for row in cells for one in row)
    return {
        "grid": [list(cell) for cell in planned.cells],
        "batch_size": asked.batch_size,
        "repeats": asked.repeats,
        "warmup": asked.warmup,
        "threads": asked.threads or cores(),
        "prompt": HOW,
        "seed": SEED,
        "order": "engines in turn, every other round backwards; each in a process of its own",
        "percentiles": PERCENTILES,
        "host_memory": "resident bytes, libraries among them",
        "host_peak": process_memory.RESET if reset else process_memory.WHOLE,
        "output_tokens_per_s": "median over requests of batch size x tokens / E2E",
    }


def machine(card: dict[str, Any], skipped: str) -> dict[str, Any]:
    """Describe the machine: processor, cores, and the GPU or why it was skipped."""
    return {
        "kind": "cpu",
        "name": processor(),
        "cores": cores(),
        "gpu": card or None,
        "skipped": {"nvml": skipped} if skipped else {},
    }


def processor() -> str:
    """Return the processor's model name; its architecture where the system has none."""
    with suppress(OSError):
        for line in CPUINFO.read_text("utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.machine()


def prompts(vocab: int, length: int, count: int, seed: int) -> list[list[int]]:
    """Draw `count` prompts of `length` tokens below `vocab`; the same for the same seed."""
    chance = random.Random(f"{seed} {length} {count}")  # noqa: S311 - repeatable on purpose
    return [[chance.randrange(vocab) for _ in range(length)] for _ in range(count)]
