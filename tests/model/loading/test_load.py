import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.checkpoint.formats.rules import exactly
from coldforge.errors import ColdforgeError
from tests.checkpoint.formats.folders import change, int8, make, rounded, signs, split, tiny

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model
IDS = torch.arange(1, 33)[None]
KINDS = ("llama", "gpt2")
LAYER = "model.layers.1.mlp.up_proj"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models of each kind, unquantised."""
    from coldforge.model.runtime import prepare

    prepare()
    return {kind: tiny(tmp_path_factory.mktemp("plain") / kind, kind) for kind in KINDS}


@pytest.fixture
def int4(plain: dict[str, Path], tmp_path: Path) -> Path:
    """The Llama as a GPTQ checkpoint of 4 bits."""
    return make(
        plain["llama"], tmp_path / "int4", "gptq",
        lambda _, weight: rounded(weight, 4, 32, sym=True), bits=4, group_size=32, sym=True,
    )  # fmt: skip


def logits(folder: Path) -> Any:
    """Load a model and run it on fixed ids."""
    from coldforge.model.loading.load import load_model

    with torch.inference_mode():
        return load_model(read_checkpoint(folder))(IDS).logits


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["gptq", "gptq_v2", "awq", "compressed-tensors"])
def test_packed_layers_load_as_the_very_weights(
    plain: dict[str, Path], tmp_path: Path, kind: str, form: str
) -> None:
    from coldforge.model.loading.load import load_model

    wanted: dict[str, Any] = {}

    def store(name: str, weight: Any) -> Any:
        item = rounded(weight, 4, 32, sym=False)
        wanted[name] = item.weight().T if kind == "gpt2" else item.weight()
        return item

    folder = make(plain[kind], tmp_path / "made", form, store, bits=4, group_size=32, sym=False)
    model = load_model(read_checkpoint(folder))
    assert len(wanted) == (14 if kind == "llama" else 8)
    for name, weight in wanted.items():
        found = model.get_submodule(name).weight
        assert found.dtype == torch.float32
        assert torch.equal(found, weight)


def test_layers_of_other_widths_and_plain_ones_load_beside_each_other(
    plain: dict[str, Path], tmp_path: Path
) -> None:
    from coldforge.model.loading.load import load_model

    left = "model.layers.0.mlp.up_proj"
    dynamic = {exactly(LAYER): {"bits": 3, "group_size": -1}, exactly(left): None}

    def store(name: str, weight: Any) -> Any:
        if name == left:
            return None
        return rounded(weight, 3, -1, True) if name == LAYER else rounded(weight, 8, 32, True)

    folder = make(
        plain["llama"], tmp_path / "mixed", "gptq", store,
        bits=8, group_size=32, sym=True, dynamic=dynamic,
    )  # fmt: skip
    found = load_model(read_checkpoint(folder)).get_submodule(LAYER).weight
    assert len(found[0].unique()) <= 8
    assert read_checkpoint(folder).linears[left].format is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activations", ["static", "dynamic"])
def test_int8_inputs_are_rounded_on_their_way_in(
    plain: dict[str, Path], tmp_path: Path, kind: str, activations: str
) -> None:
    from coldforge.model.loading.load import load_model

    scale = torch.tensor([0.125]) if activations == "static" else None
    folder = make(
        plain[kind], tmp_path / "w8a8", "w8a8",
        lambda _, weight: replace(int8(weight), input_scale=scale),
        bits=8, group_size=-1, sym=True, activations=activations,
    )  # fmt: skip
    model = load_model(read_checkpoint(folder))
    name = LAYER if kind == "llama" else "transformer.h.1.mlp.c_fc"
    seen: list[Any] = []
    model.get_submodule(name).register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.inference_mode():
        model(IDS)
    if scale is not None:
        steps = seen[0] / scale
        assert torch.equal(steps, steps.round())
    else:
        assert all(len(token.unique()) < 64 for token in seen[0][0])


@pytest.mark.parametrize("activations", ["static", "dynamic"])
def test_compressed_tensors_gives_the_same_logits(
    plain: dict[str, Path], tmp_path: Path, activations: str
) -> None:
    pytest.importorskip("compressed_tensors.compressors")
    from transformers import AutoModelForCausalLM

    scale = torch.tensor([0.125]) if activations == "static" else None
    folder = make(
        plain["llama"], tmp_path / "w8a8", "w8a8",
        lambda _, weight: replace(int8(weight), input_scale=scale),
        bits=8, group_size=-1, sym=True, activations=activations,
    )  # fmt: skip
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        assert torch.equal(theirs(IDS).logits, logits(folder))


@pytest.mark.parametrize("kind", KINDS)
def test_dynamic_int8_loads_as_torchs_own_layers_and_generates(
    plain: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    from torch.ao.nn.quantized.dynamic import Linear

    from coldforge.model.loading.load import load_model

    stored: dict[str, Any] = {}

    def store(name: str, weight: Any) -> Any:
        stored[name] = int8(weight)
        return stored[name]

    folder = make(plain[kind], tmp_path / "int8", "coldforge-int8", store)
    model = load_model(read_checkpoint(folder))
    for name, item in stored.items():
        module = model.get_submodule(name)
        assert isinstance(module, Linear)
        assert torch.equal(module.weight().dequantize(), item.weight())
    again = load_model(read_checkpoint(folder))
    found = model.generate(IDS, max_new_tokens=8, do_sample=False, pad_token_id=0)
    assert torch.equal(
        found, again.generate(IDS, max_new_tokens=8, do_sample=False, pad_token_id=0)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_signs_load(plain: dict[str, Path], tmp_path: Path, kind: str) -> None:
    folder = make(
        plain[kind], tmp_path / "signs", "coldforge-binary",
        lambda _, weight: signs(weight), group_size=-1,
    )  # fmt: skip
    assert bool(logits(folder).isfinite().all())


def test_shards_load_as_one_file_does(int4: Path, tmp_path: Path) -> None:
    other = shutil.copytree(int4, tmp_path / "shards")
    split(other)
    assert torch.equal(logits(other), logits(int4))
    assert read_checkpoint(other).digest == read_checkpoint(int4).digest


def test_names_without_the_base_models_prefix_load(plain: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = make(
        plain["gpt2"], tmp_path / "made", "coldforge-int8", lambda _, weight: int8(weight)
    )
    wanted = logits(folder)
    path = folder / "model.safetensors"
    tensors = {name.removeprefix("transformer."): item for name, item in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})
    assert torch.equal(logits(folder), wanted)


def test_an_empty_bias_of_autogptq_is_let_pass_and_no_other(int4: Path) -> None:
    wanted = logits(int4)
    change(int4, f"{LAYER}.bias", torch.zeros(128))
    assert torch.equal(logits(int4), wanted)
    change(int4, f"{LAYER}.bias", torch.ones(128))
    with pytest.raises(ColdforgeError, match=rf"no parameter for {LAYER}\.bias"):
        logits(int4)


def test_a_scale_that_is_no_number_names_its_layer(int4: Path) -> None:
    change(int4, f"{LAYER}.scales", torch.full((2, 128), float("nan")).half())
    with pytest.raises(ColdforgeError, match=rf"{LAYER}\.scales holds NaN"):
        logits(int4)


def test_a_part_that_is_missing_names_its_layer(int4: Path) -> None:
    change(int4, f"{LAYER}.qzeros", None)
    with pytest.raises(ColdforgeError, match=rf"the layer {LAYER} lacks \.qzeros"):
        logits(int4)


def test_a_layer_that_is_missing_is_an_error_and_no_random_weight(int4: Path) -> None:
    for part in ("qweight", "qzeros", "scales", "g_idx"):
        change(int4, f"{LAYER}.{part}", None)
    with pytest.raises(ColdforgeError, match=rf"do not fit its config: {LAYER}\.weight"):
        logits(int4)


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_shard_is_named(int4: Path, damage: str) -> None:
    split(int4)
    path = int4 / "model-00002-of-00002.safetensors"
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[9] ^= 0xFF
    path.write_bytes(data[:-100] if damage == "cut" else data)
    with pytest.raises(ColdforgeError, match=r"model-00002-of-00002\.safetensors is not a"):
        logits(int4)
