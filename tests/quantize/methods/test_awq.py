from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.quantize.registry import settings_of
from tests.quantize.blockwise.rig import divergence, quantised, random_model

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2"])
def test_it_loses_less_than_two_thirds_of_what_rounding_to_nearest_loses(
    kind: str, tmp_path: Path
) -> None:
    checkpoint = random_model(tmp_path / "m", kind)
    result, model = quantised(checkpoint, tmp_path / "awq", "awq")
    _, plain = quantised(checkpoint, tmp_path / "rtn", "rtn", sym=False)
    assert divergence(checkpoint, model) < 2 / 3 * divergence(checkpoint, plain)
    assert all(0 < item.error < 0.01 for item in result.layers if item.error is not None)
    assert {item.bits for item in result.layers} == {4}


def test_the_files_are_autoawqs(tmp_path: Path) -> None:
    checkpoint = random_model(tmp_path / "m", "llama", blocks=1)
    quantised(checkpoint, tmp_path / "q", "awq", group_size=64)
    made = read_checkpoint(tmp_path / "q")
    settings = made.quantization
    assert (settings["quant_method"], settings["version"]) == ("awq", "gemm")
    assert (settings["bits"], settings["group_size"], settings["zero_point"]) == (4, 64, True)
    assert "model.layers.0.self_attn.o_proj.qzeros" in made.tensors


def test_threads_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = random_model(tmp_path / "m", "llama", blocks=1)
    digests = set()
    for count in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", count)
        quantised(checkpoint, tmp_path / count, "awq")
        digests.add(read_checkpoint(tmp_path / count).digest)
    assert len(digests) == 1


def test_pruned_weights_stay_zero(tmp_path: Path) -> None:
    checkpoint = random_model(tmp_path / "m", "llama", blocks=1)
    _, model = quantised(checkpoint, tmp_path / "q", "awq", prune="2:4")
    weight = model.get_submodule("model.layers.0.mlp.down_proj").weight
    assert ((weight.view(-1, 4) == 0).sum(1) >= 2).all()


@pytest.mark.parametrize(
    ("asked", "message"),
    [({"bits": 3}, "--bits 3"), ({"sym": True}, "--sym True"), ({"alpha": 0.5}, "--alpha is not")],
)
def test_what_its_files_cannot_hold_is_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ColdforgeError, match=message):
        settings_of("awq", asked)
