from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.engine.onnxruntime.graph.linear import rounded
from coldforge.engine.onnxruntime.graph.verify_graph import StoredGraph
from tests.checkpoint.formats.folders import change
from tests.engine.onnxruntime.graph.rig import close, decoder, exported

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


@pytest.mark.parametrize("family", ["llama", "qwen2", "gpt2"])
def test_a_tied_head_is_the_embedding(tmp_path: Path, family: str) -> None:
    folder = decoder(tmp_path / "model", family, tie_word_embeddings=True)
    assert "lm_head.weight" not in read_checkpoint(folder).tensors
    assert close(folder, tmp_path)
    assert StoredGraph(tmp_path).kind("lm_head") == "float32"


def test_a_quantised_head_is_held_as_it_is(tmp_path: Path) -> None:
    import json

    from coldforge.checkpoint.formats.registry import find_format
    from coldforge.model.loading.reading import Reader
    from tests.checkpoint.formats import folders

    plain = decoder(tmp_path / "plain")
    four = {"bits": 4, "group_size": 32, "sym": True, "lm_head": True}
    made = folders.make(
        plain, tmp_path / "made", "gptq",
        lambda _, weight: folders.rounded(weight, 4, 32, sym=True), **four,
    )  # fmt: skip
    head = Reader(read_checkpoint(plain)).tensor("lm_head.weight")
    item = folders.rounded(head, 4, 32, sym=True)
    change(made, "lm_head.weight", None)
    for part, tensor in find_format("gptq").encode("lm_head", item, four).items():
        change(made, f"lm_head{part}", tensor)
    assert json.loads((made / "config.json").read_text())["quantization_config"]["lm_head"]
    assert close(made, tmp_path)
    graph = StoredGraph(tmp_path)
    assert graph.kind("lm_head") == "int4 weights, float32 inputs"
    assert torch.equal(graph.weight("lm_head"), item.weight())


def test_with_int8_inputs_a_plain_head_is_rounded_by_groups(tmp_path: Path) -> None:
    folder = decoder(tmp_path / "model")
    graph = StoredGraph(exported(folder, tmp_path, int8_activations=True))
    assert graph.kind("lm_head") == "int8 weights, int8 inputs"


def test_rounding_errs_by_half_a_step_at_most() -> None:
    weight = torch.randn(64, 5, generator=torch.Generator().manual_seed(0))
    weight[:32, 0] = 0
    item = rounded(weight.numpy())
    gap = (item.weight().T - weight).abs().reshape(2, 32, 5).amax(1)
    assert bool((gap <= item.scales * 0.501).all())
    assert not item.weight()[0, :32].any()
