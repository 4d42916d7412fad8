import csv
import io
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from coldforge.engine.bench.csv import spell
from coldforge.engine.bench.timing import speeds

THEIRS = [
    "model_name", "precision", "batch_size", "input_length", "output_length", "latency(ms)",
    "percentile95(ms)", "percentile99(ms)", "tokens_per_sec", "gpu_peak_mem(gb)",
]  # fmt: skip


def result(name: str, at: list[float], device: int | None) -> dict[str, Any]:
    cell = {
        "input_len": 8, "output_len": len(at), "batch_size": 1, **speeds([at], 1),
        "host_peak_bytes": 2, "device_peak_bytes": device, "speedup": None,
    }  # fmt: skip
    engine = {
        "name": name, "precision": "int4", "backend": "onnxruntime", "digest": "d",
        "checkpoint": "c", "disk_bytes": 1, "load_seconds": 0.5,
        "memory": {"host_loaded_bytes": 1, "device_loaded_bytes": device}, "cells": [cell, cell],
    }  # fmt: skip
    return {"engines": [engine, engine]}


def read(found: dict[str, Any]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(spell(found))))


def test_a_row_for_each_engine_and_cell_by_the_fields_names() -> None:
    rows = read(result("int4", [0.1, 0.2], 3 << 29))
    assert len(rows) == 4
    assert list(rows[0])[: len(THEIRS)] == THEIRS
    assert rows[0]["latency(ms)"] == "200.0"
    assert rows[0]["tokens_per_sec"] == "10.0"
    assert rows[0]["gpu_peak_mem(gb)"] == "1.5"
    assert float(rows[0]["tpot_ms_p50"]) == 100


def test_what_is_not_known_stays_empty() -> None:
    row = read(result("int4", [0.1], None))[0]
    for name in ("gpu_peak_mem(gb)", "tpot_ms_p50", "itl_ms_mean", "speedup", "device_peak_bytes"):
        assert row[name] == ""


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\0")))
def test_any_name_survives(name: str) -> None:
    assert read(result(name, [0.1, 0.3], None))[0]["model_name"] == name
