from pathlib import Path

import pytest
from invoke.context import Context

from coldforge.engine.bench.timing import speeds
from coldforge.tasks._in_image import Inside
from coldforge.tasks.bench import bench, table
from tests.engine.rig import folder


def test_the_image_reads_every_engine_and_writes_into_the_folder(
    handed: list[Inside], tmp_path: Path
) -> None:
    one, two, out = folder(tmp_path / "one"), folder(tmp_path / "two"), tmp_path / "out"
    bench.body(Context(), [str(one), str(two)], grid="8,8;4,2", out=str(out), repeats=3)
    (work,) = handed
    assert (work.reads, work.writes) == ([one, two], [out])
    assert {f"--engine={one}", f"--engine={two}", "--grid=8,8;4,2"} <= set(work.flags)
    assert {"--repeats=3", "--warmup=1", f"--out={out}"} <= set(work.flags)


def test_what_does_not_fit_is_said_before_an_image_is_started(
    handed: list[Inside], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        bench.body(Context(), [str(folder(tmp_path / "one"))], grid="16,1;8,2")
    assert "16,1 does not fit one" in (said := capsys.readouterr().err)
    assert "8,2 of the grid fits" in said
    assert handed == []


def test_a_block_for_each_cell_and_a_line_for_each_engine() -> None:
    def engine(name: str, pace: float, speedup: float | None) -> dict[str, object]:
        cell = {
            "input_len": 8, "output_len": 2, "speedup": speedup, "host_peak_bytes": 2_000_000,
            **speeds([[pace, 2 * pace]], 1),
        }  # fmt: skip
        memory = {"host_loaded_bytes": 1_000_000}
        return {"name": name, "cells": [cell, cell], "memory": memory}

    how = {
        "grid": [[8, 2], [8, 2]], "repeats": 5, "warmup": 1, "batch_size": 1, "order": "in turn",
        "host_memory": "resident", "host_peak": "since",
    }  # fmt: skip
    device = {"name": "Abacus", "cores": 2, "skipped": {"nvml": "no GPU"}}
    found = {
        "engines": [engine("fp32", 0.1, None), engine("int4", 0.05, 2.0)],
        "protocol": how,
        "device": device,
    }
    lines = table(found).splitlines()
    assert lines[0].split()[:4] == ["8", "in,", "2", "out"]
    assert lines[1].split() == [
        "fp32",
        "100.00",
        "ms",
        "100.00",
        "ms",
        "10.0",
        "1",
        "1.0",
        "MB",
        "2.0",
        "MB",
    ]
    assert lines[2].split()[5:7] == ["20.0", "2.00"]
    assert lines[4].startswith("8 in, 2 out")
    assert lines[-1] == "nvml skipped: no GPU"
