from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.engine.agreement.comparison import Compared, Comparison
from coldforge.engine.card import Engine
from tests.checkpoint.formats.folders import int8, make
from tests.engine.onnxruntime.graph.rig import decoder, exported

pytest.importorskip("polygraphy")
pytestmark = pytest.mark.model
PROMPTS = [[5, 9, 2, 7] * 4, [3, 4]]


@pytest.mark.parametrize(
    ("form", "settings"),
    [
        ("coldforge-int8", {}),
        ("w8a8", {"bits": 8, "group_size": -1, "sym": True, "activations": "dynamic"}),
    ],
)
def test_what_rounded_inputs_would_change_is_measured_beside_the_engine(
    tmp_path: Path, form: str, settings: dict[str, Any]
) -> None:
    plain = decoder(tmp_path / "plain")
    made = make(plain, tmp_path / "made", form, lambda _, weight: int8(weight), **settings)
    engine = Engine(exported(made, tmp_path / "engine"), {"backend": "onnxruntime"})
    sides = Compared(read_checkpoint(made), engine, read_checkpoint(plain))
    found = Comparison(sides, PROMPTS, 1e-4).backends()
    assert [item["name"] for item in found] == [
        "ONNX Runtime", "torch, inputs rounded to int8", "torch, original", "TensorRT",
    ]  # fmt: skip
    assert found[0]["within"]
    assert found[0]["max_abs"] < 1e-4 < found[1]["max_abs"]
    assert list(found[2]["phases"]) == ["prefill"]
