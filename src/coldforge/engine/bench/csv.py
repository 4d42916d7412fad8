"""A bench as a table of one row per engine and cell, for spreadsheets.

The first columns are those of TensorRT-LLM's benchmarks/python, by its names and in its units; the
rest are the result's own.
"""

import csv
import io
from collections.abc import Iterator
from typing import Any

from coldforge.engine.bench.timing import METRICS, SHARES

Row = dict[str, Any]
GIBI = 1 << 30


def rows(found: dict[str, Any]) -> Iterator[Row]:
    """Yield a row for each engine and cell of a result."""
    for engine in found["engines"]:
        for cell in engine["cells"]:
            yield _theirs(engine, cell) | _ours(engine, cell)


def spell(found: dict[str, Any]) -> str:
    """Write the rows as CSV (RFC 4180) with a header; unknown values stay empty."""
    table = list(rows(found))
    text = io.StringIO()
    writer = csv.DictWriter(text, table[0].keys())
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


def _theirs(engine: Row, cell: Row) -> Row:
    """Fill benchmark.py's columns; its latency is the mean of complete requests, its GB are GiB."""
    device = cell["device_peak_bytes"]
    return {
        "model_name": engine["name"],
        "precision": engine["precision"],
        "batch_size": cell["batch_size"],
        "input_length": cell["input_len"],
        "output_length": cell["output_len"],
        "latency(ms)": round(cell["e2e_ms"]["mean"], 3),
        "percentile95(ms)": round(cell["e2e_ms"]["p95"], 3),
        "percentile99(ms)": round(cell["e2e_ms"]["p99"], 3),
        "tokens_per_sec": round(cell["output_tokens_per_s"], 2),
        "gpu_peak_mem(gb)": None if device is None else round(device / GIBI, 3),
    }


def _ours(engine: Row, cell: Row) -> Row:
    metrics = {
        f"{metric}_{name}": (cell[metric] or {}).get(name)
        for metric in METRICS
        for name in ("mean", *SHARES)
    }
    return {
        "backend": engine["backend"],
        "digest": engine["digest"],
        "checkpoint": engine["checkpoint"],
        "disk_bytes": engine["disk_bytes"],
        "load_seconds": engine["load_seconds"],
        **{name: engine["memory"][name] for name in ("host_loaded_bytes", "device_loaded_bytes")},
        **metrics,
        "output_tokens_per_s": cell["output_tokens_per_s"],
        "host_peak_bytes": cell["host_peak_bytes"],
        "device_peak_bytes": cell["device_peak_bytes"],
        "speedup": cell["speedup"],
    }
