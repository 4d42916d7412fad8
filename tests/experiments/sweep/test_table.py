"""What people see of a sweep."""

from pathlib import Path

from coldforge.experiments.sweep.sweep import run_sweep
from coldforge.experiments.sweep.table import failures, table
from tests.experiments.sweep.conftest import Pretender


def test_a_line_a_cell_with_what_it_costs_and_what_went_wrong(matrix: Path, tmp_path: Path) -> None:
    pretender = Pretender(fails={"build two-fp16"})
    found = run_sweep(str(matrix), str(tmp_path / "out"), steps=pretender.steps)
    head, first, _, wrong, _ = table(found).splitlines()
    assert head.split()[:2] == ["cell", "on"]
    assert first.split()[:2] == ["one-fp16", "onnxruntime"]
    assert first.endswith("1.5 ms      20.0")
    assert wrong == "two-fp16 onnxruntime       failed at engine: it would not"
    assert failures(found) == ["two-fp16 onnxruntime"]


def test_without_backends_nothing_is_measured(matrix: Path, tmp_path: Path) -> None:
    matrix.write_text(matrix.read_text("utf-8").replace('["onnxruntime"]', "[]"), "utf-8")
    found = run_sweep(str(matrix), str(tmp_path / "out"), steps=Pretender().steps)
    line = table(found).splitlines()[1]
    assert line.split()[0] == "one-fp16"
    assert "ms" not in line
