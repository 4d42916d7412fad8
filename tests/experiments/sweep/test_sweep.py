"""A sweep from its matrix to its result, and over again."""

import json
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.experiments.sweep.job import SWEEP, exclusive
from coldforge.experiments.sweep.sweep import failures, run_sweep, table
from tests.experiments.sweep.conftest import Pretender

PASSING = {"seconds": None}


def test_the_result_is_where_report_looks_for_it(matrix: Path, tmp_path: Path) -> None:
    found = run_sweep(str(matrix), str(tmp_path / "out"), steps=Pretender().steps)
    assert (found["task"], len(found["cells"])) == ("sweep", 4)
    runs = tmp_path / "out" / "runs"
    assert json.loads((runs / "sweep.json").read_text("utf-8")) == found
    assert len(list(runs.glob("*.json"))) == 1 + 16
    assert all("task" in json.loads(path.read_text("utf-8")) for path in runs.glob("*.json"))


def test_cells_stand_in_the_order_of_the_matrix_whatever_came_first(
    matrix: Path, tmp_path: Path
) -> None:
    slow_first = Pretender(naps={"one-fp16": 0.2})
    found = run_sweep(str(matrix), str(tmp_path / "out"), at_once=3, steps=slow_first.steps)
    assert [cell["name"] for cell in found["cells"]] == [
        "one-fp16", "one-rtn-bits8", "two-fp16", "two-rtn-bits8",
    ]  # fmt: skip
    again = run_sweep(str(matrix), str(tmp_path / "out"), steps=slow_first.steps)
    assert {**again, **PASSING} == {**found, **PASSING}
    assert slow_first.made == 16


def test_progress_is_said_cell_by_cell(
    matrix: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretender = Pretender(fails={"judge two-fp16"})
    run_sweep(str(matrix), str(tmp_path / "out"), steps=pretender.steps)
    said = capsys.readouterr().err
    assert "[1/4] one-fp16 on " in said
    assert "failed: it would not" in said
    run_sweep(str(matrix), str(tmp_path / "out"), steps=Pretender().steps)
    assert capsys.readouterr().err.count("as before") == 3


def test_a_second_sweep_at_once_is_refused(matrix: Path, tmp_path: Path) -> None:
    with (
        exclusive(tmp_path / "out", SWEEP),
        pytest.raises(ColdforgeError, match="not made as a sweep"),
    ):
        run_sweep(str(matrix), str(tmp_path / "out"), steps=Pretender().steps)
    run_sweep(str(matrix), str(tmp_path / "ours"), steps=Pretender().steps)
    with (
        exclusive(tmp_path / "ours", SWEEP),
        pytest.raises(ColdforgeError, match="another run works on"),
    ):
        run_sweep(str(matrix), str(tmp_path / "ours"), steps=Pretender().steps)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"at_once": 0}, "0 jobs at a time"), ({"ray": "head"}, "--ray head is not an address")],
)
def test_what_cannot_begin_is_said_before_anything_is_made(
    matrix: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    pretender = Pretender()
    with pytest.raises(ColdforgeError, match=message):
        run_sweep(str(matrix), str(tmp_path / "out"), steps=pretender.steps, **options)
    assert pretender.made == 0


def test_a_model_that_is_quantised_already_is_refused(matrix: Path, tmp_path: Path) -> None:
    config = {"model_type": "llama", "quantization_config": {"quant_method": "gptq", "bits": 4}}
    (tmp_path / "two" / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(ColdforgeError, match="is quantised already"):
        run_sweep(str(matrix), str(tmp_path / "out"), steps=Pretender().steps)


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
