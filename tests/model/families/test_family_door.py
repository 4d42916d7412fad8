"""A family of its own, added through the door alone: weighed, quantised, exported."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import Checkpoint, read_checkpoint
from coldforge.engine.memory.outline import Outline, widths_of
from coldforge.errors import ColdforgeError
from coldforge.model.families.blocks import block_tensors, linear_inputs, unknown_layers
from coldforge.model.families.dimensions import dimensions
from coldforge.model.families.registry import families, family_of
from tests.engine.memory.models import predicted
from tests.model.door import grown
from tests.smallmodels import Shapes, write_model

FAKE = '''
"""A Llama whose tensors have other names, and whose config.json has another field."""

from dataclasses import replace

from coldforge.model.families import llama
from coldforge.model.families.family import Fields, Stage

FAMILY = replace(
    llama.FAMILY,
    name="fakellama",
    blocks="decoder.blocks",
    stages=(
        Stage("hidden", {"attn.q": "query", "attn.k": "key_value", "attn.v": "key_value"}, "n1"),
        Stage("query", {"attn.o": "hidden"}, linear="attn.v"),
        Stage("hidden", {"ffn.gate": "intermediate", "ffn.up": "intermediate"}, "n2"),
        Stage("intermediate", {"ffn.down": "hidden"}, linear="ffn.up"),
    ),
    embedding="decoder.embed",
    final_norm="decoder.last",
    biases={},
    fields=Fields(hidden="width"),
)
'''
NAMES = {
    "model.": "decoder.", "layers.": "blocks.", "embed_tokens": "embed", "self_attn.": "attn.",
    "decoder.norm": "decoder.last", "mlp.": "ffn.", "_proj": "", "input_layernorm": "n1",
    "post_attention_layernorm": "n2",
}  # fmt: skip
"""Llama's names -> the family's, one after another."""
CONFIG: dict[str, Any] = {
    "model_type": "fakellama", "width": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 96,
    "max_position_embeddings": 64, "tie_word_embeddings": False, "bos_token_id": 0,
    "eos_token_id": 0,
}  # fmt: skip
LLAMA = {**CONFIG, "model_type": "llama", "hidden_size": 64}
Q = "decoder.blocks.1.attn.q"


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Path]:
    """A folder with the family's one file."""
    with grown("coldforge.model.families", tmp_path / "door", families) as folder:
        (folder / "fakellama.py").write_text(FAKE, "utf-8")
        yield folder


def renamed(name: str) -> str:
    for old, new in NAMES.items():
        name = name.replace(old, new)
    return name


def test_without_its_file_it_is_not_known() -> None:
    with pytest.raises(ColdforgeError, match="fakellama"):
        family_of(CONFIG)


@pytest.mark.usefixtures("door")
def test_its_numbers_are_read_by_its_own_fields() -> None:
    size, llama = dimensions(CONFIG), dimensions(LLAMA)
    assert size.family is families()["fakellama"]
    assert (size.hidden, size.head_dim) == (64, 16)
    assert list(size.linears().values()) == list(llama.linears().values())
    assert size.linears()["attn.k"] == (64, 32)
    with pytest.raises(ColdforgeError) as caught:
        family_of({"model_type": "mamba"})
    assert "fakellama, gpt2, llama" in caught.value.hint


@pytest.mark.usefixtures("door")
@pytest.mark.parametrize("transposed", [False, True])
def test_its_blocks_and_layers_are_found(tmp_path: Path, door: Path, transposed: bool) -> None:
    if transposed:
        text = FAKE.replace("biases={}", "biases={}, transposed=True")
        (door / "fakellama.py").write_text(text, "utf-8")
    shapes: Shapes = {
        "decoder.blocks.0.ffn.up.weight": ("F16", [64, 128] if transposed else [128, 64]),
        "blocks.1.ffn.up.weight": ("F16", [64, 128] if transposed else [128, 64]),
        "blocks.1.ffn.router.weight": ("F16", [4, 64]),
        "decoder.last.weight": ("F16", [64]),
    }
    checkpoint = read_checkpoint(write_model(tmp_path / "m", shapes, **CONFIG))
    first, second = block_tensors(checkpoint)
    assert first == {"ffn.up.weight": "decoder.blocks.0.ffn.up.weight"}
    assert second["ffn.up.weight"] == "blocks.1.ffn.up.weight"
    assert unknown_layers(checkpoint) == ["blocks.1.ffn.router.weight"]
    assert linear_inputs(checkpoint)["blocks.1.ffn.up"] == 64


@pytest.mark.usefixtures("door")
@pytest.mark.parametrize("backend", ["onnxruntime", "tensorrt-llm"])
def test_its_memory_is_predicted_as_a_llamas(backend: str) -> None:
    size = {"backend": backend, "max_input_len": 32, "max_output_len": 16}
    for bits in (16, 4):
        found, llama = (predicted(config, bits, **size) for config in (CONFIG, LLAMA))
        assert found == llama
    layers = list(Outline(dimensions(CONFIG), CONFIG, widths_of({})).blocks())
    assert layers[7].name == Q
    assert len(layers) == 14


@pytest.fixture
def model(tmp_path: Path, door: Path) -> Iterator[Checkpoint]:
    """A random model of the family, which Transformers knows for the length of a test."""
    torch: Any = pytest.importorskip("torch")
    from safetensors.torch import save_file

    from tests.model.families.fakellama import registered

    with registered(renamed) as (config_class, model_class):
        torch.manual_seed(0)
        made = model_class(config_class(**CONFIG)).half()
        folder = tmp_path / "model"
        folder.mkdir()
        tensors = {name: item.detach().clone() for name, item in made.named_parameters()}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps(CONFIG), "utf-8")
        (folder / "tokenizer.json").write_text("{}", "utf-8")
        yield read_checkpoint(folder)


@pytest.mark.model
def test_it_is_quantised_block_by_block_and_loaded(model: Checkpoint, tmp_path: Path) -> None:
    from tests.quantize.blockwise.rig import quantised

    assert f"{Q}.weight" in model.tensors
    quantised(model, tmp_path / "int4", "rtn", bits=4, group_size=32)
    made = read_checkpoint(tmp_path / "int4")
    assert len(made.linears) == 14
    assert made.linears[Q].format is not None
    assert made.linears[Q].shape.bits == 4


@pytest.mark.model
@pytest.mark.parametrize("bits", [16, 4])
def test_its_graph_computes_what_torch_does(model: Checkpoint, tmp_path: Path, bits: int) -> None:
    pytest.importorskip("onnxruntime")
    from tests.engine.onnxruntime.graph.rig import close
    from tests.quantize.blockwise.rig import quantised

    folder = model.folder
    if bits < 16:
        folder = tmp_path / "int4"
        quantised(model, folder, "rtn", bits=bits, group_size=32)
    assert close(folder, tmp_path / "engine")


@pytest.mark.usefixtures("door")
def test_no_graph_holds_what_none_was_written_for(door: Path) -> None:
    from coldforge.engine.onnxruntime.graph.export import builder_of

    assert builder_of(families()["fakellama"]) is builder_of(families()["llama"])
    other = FAKE.replace('"fakellama"', '"odd"').replace("biases={}", 'biases={}, norm="layer"')
    (door / "odd.py").write_text(other, "utf-8")
    families.cache_clear()
    with pytest.raises(ColdforgeError, match="of odd models cannot be built: layer norms, rotary"):
        builder_of(families()["odd"])
