import shutil
from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.errors import ColdforgeError

pytest.importorskip("torch")
pytest.importorskip("polygraphy")
pytest.importorskip("onnxruntime_genai")
pytestmark = pytest.mark.model
FEW: dict[str, Any] = {"prompts": 4, "tokens": 4}


def compared(checkpoint: Path, engine: Path, *more: str, **options: Any) -> dict[str, Any]:
    from coldforge.engine.commands.compare import run_compare

    return run_compare(str(checkpoint), str(engine), *more, **{**FEW, **options})


def test_a_lossless_engine_passes_and_the_original_is_only_reported(
    demo: Path, int4: Path, int4_engine: Path, text: str
) -> None:
    found = compared(int4, int4_engine, str(demo), text=text)
    assert (found["task"], found["passed"], found["tolerance"]) == ("engine.compare", True, 1e-4)
    engine, original, tensorrt = found["backends"]
    assert (engine["name"], engine["within"]) == ("ONNX Runtime", True)
    assert 0 < engine["max_abs"] < 1e-4
    assert engine["top1_agreement"] == 1
    assert engine["positions"] == (63 + 1 + 32 + 16) + 4
    assert engine["phases"]["decode"]["positions"] == 4
    assert original["max_abs"] > 1e-3
    assert original["kl"] > engine["kl"]
    assert tensorrt == {"name": "TensorRT", "skipped": "TensorRT's libraries are not here"}
    greedy = found["greedy"]
    assert (greedy["identical"], greedy["tokens"], greedy["gated"]) == (4, 4, True)
    assert found["checkpoint"] == read_checkpoint(int4).digest
    assert found["versions"]["polygraphy"]


def test_a_tolerance_that_is_not_met_fails(int4: Path, int4_engine: Path, text: str) -> None:
    found = compared(int4, int4_engine, text=text, tolerance=1e-9)
    assert not found["passed"]
    assert not found["backends"][0]["within"]
    assert found["backends"][1] == {"name": "torch, original", "skipped": "no --original given"}


def test_with_int8_activations_tokens_are_only_reported(
    int4: Path, text: str, tmp_path: Path
) -> None:
    from coldforge.engine.commands.build import run_build

    run_build(str(int4), str(tmp_path / "engine"), activations="int8")
    found = compared(int4, tmp_path / "engine", text=text)
    assert (found["passed"], found["greedy"]["gated"]) == (True, False)
    assert 1e-4 < found["backends"][0]["max_abs"] < found["tolerance"]
    assert not compared(int4, tmp_path / "engine", text=text, tolerance=1e-4)["passed"]


def test_an_engine_of_another_checkpoint_is_refused(demo: Path, int4_engine: Path) -> None:
    with pytest.raises(ColdforgeError, match="was not built of") as refused:
        compared(demo, int4_engine)
    assert "name the checkpoint with the digest" in refused.value.hint


def test_a_damaged_engine_is_refused(int4: Path, int4_engine: Path, tmp_path: Path) -> None:
    shutil.copytree(int4_engine, tmp_path / "engine")
    path = tmp_path / "engine" / "model.onnx.data"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(ColdforgeError, match="is not as it was built"):
        compared(int4, tmp_path / "engine")


@pytest.mark.parametrize(
    ("options", "said"),
    [({"tokens": 0}, "nothing to generate"), ({"tokens": 511}, "no prompt of two tokens")],
)
def test_what_compares_nothing_is_refused(
    int4: Path, int4_engine: Path, text: str, options: dict[str, int], said: str
) -> None:
    with pytest.raises(ColdforgeError, match=said):
        compared(int4, int4_engine, text=text, **options)
