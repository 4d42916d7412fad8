"""One cell for real: quantised, judged, built and measured, each in a process of its own."""

from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.engine.card import read_engine
from coldforge.experiments.sweep.sweep import run_sweep, table

torch: Any = pytest.importorskip("torch")
pytest.importorskip("onnxruntime_genai")
pytestmark = pytest.mark.model

MATRIX = """\
models = ["{model}"]
methods = [{{method = "rtn", group_size = 64}}]
backends = ["onnxruntime"]

[evaluate]
text = "{text}"
window = 64
limit = 2

[bench]
grid = "8,4"
repeats = 1
warmup = 0
"""


def test_a_cell_goes_from_the_model_to_the_measured_engine(
    demo: Path, text: str, tmp_path: Path
) -> None:
    (tmp_path / "matrix.toml").write_text(MATRIX.format(model=demo, text=text), "utf-8")
    found = run_sweep(str(tmp_path / "matrix.toml"), str(tmp_path / "out"))
    (cell,) = found["cells"]
    assert cell["error"] is None
    made = read_checkpoint(tmp_path / "out" / "checkpoints" / cell["name"])
    engine = read_engine(tmp_path / "out" / "engines" / f"{cell['name']}-onnxruntime")
    assert cell["quantize"]["digest"] == cell["evaluate"]["digest"] == made.digest
    assert cell["evaluate"]["reference"]["kl"] > 0
    assert engine.card["checkpoint"] == made.digest
    assert (engine.precision, engine.card["digest"]) == ("int4", cell["engine"]["digest"])
    (measured,) = cell["bench"]["engines"]
    assert measured["digest"] == cell["engine"]["digest"]
    assert [(row["input_len"], row["output_len"]) for row in measured["cells"]] == [(8, 4)]
    assert "tokens/s" in table(found)
