import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.checkpoint.formats.rules import exactly
from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.model.checkpoints.convert import run_convert, run_join
from tests.checkpoint.formats.folders import int8, make, rounded, split, tiny

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model
LAYER, LEFT = "model.layers.1.mlp.up_proj", "model.layers.0.mlp.down_proj"
KINDS = ("llama", "gpt2")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models of each kind, unquantised."""
    from coldforge.model.runtime import prepare

    prepare()
    return {kind: tiny(tmp_path_factory.mktemp("plain") / kind, kind) for kind in KINDS}


@pytest.fixture
def int4(plain: dict[str, Path], tmp_path: Path) -> Path:
    """The Llama as an asymmetric GPTQ checkpoint of 4 bits."""
    return quantised(plain["llama"], tmp_path / "int4")


def quantised(model: Path, out: Path, form: str = "gptq", sym: bool = False) -> Path:
    return make(
        model, out, form, lambda _, weight: rounded(weight, 4, 32, sym),
        bits=4, group_size=32, sym=sym,
    )  # fmt: skip


def weights(folder: Path) -> dict[str, Any]:
    """Load a model and copy its parameters."""
    from coldforge.model.loading.load import load_model

    return dict(load_model(read_checkpoint(folder)).named_parameters())


def equal(one: Path, other: Path) -> bool:
    ours, theirs = weights(one), weights(other)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[at], theirs[at]) for at in ours)


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_goes_round_all_formats_unchanged(
    plain: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    first = last = quantised(plain[kind], tmp_path / "first")
    for to in ("gptq_v2", "awq", "compressed-tensors", "gptq"):
        found = run_convert(str(last), str(tmp_path / to), to)
        assert found["lossless"]
        assert read_checkpoint(tmp_path / to).format.name == to  # type: ignore[union-attr]
        assert equal(first, tmp_path / to)
        last = tmp_path / to
    assert read_checkpoint(last).digest == read_checkpoint(first).digest


def test_a_symmetric_checkpoint_keeps_no_zero_points_in_compressed_tensors(
    plain: dict[str, Path], tmp_path: Path
) -> None:
    source = quantised(plain["llama"], tmp_path / "source", "awq", sym=True)
    run_convert(str(source), str(tmp_path / "out"), "compressed-tensors")
    made = read_checkpoint(tmp_path / "out")
    assert not [name for name in made.tensors if name.endswith("zero_point")]
    assert made.quantization["config_groups"]["group_0"]["weights"]["symmetric"]


def mixed(model: Path, out: Path) -> Path:
    """Make a checkpoint with one layer of 8 bits and one left as it is."""

    def store(name: str, weight: Any) -> Any:
        if name == LEFT:
            return None
        wide = name == LAYER
        return rounded(weight, 8 if wide else 4, -1 if wide else 32, sym=True)

    dynamic = {exactly(LAYER): {"bits": 8, "group_size": -1}, exactly(LEFT): None}
    return make(model, out, "gptq", store, bits=4, group_size=32, sym=True, dynamic=dynamic)


@pytest.mark.parametrize("to", ["gptq", "gptq_v2", "compressed-tensors"])
def test_layers_of_other_widths_and_plain_ones_stay_so(
    plain: dict[str, Path], tmp_path: Path, to: str
) -> None:
    source = mixed(plain["llama"], tmp_path / "source")
    found = run_convert(str(source), str(tmp_path / "out"), to)
    assert found["layers"] == 13
    made = read_checkpoint(tmp_path / "out").linears
    assert (made[LAYER].shape.bits, made[LAYER].shape.groups) == (8, 1)
    assert made[LEFT].format is None
    assert equal(source, tmp_path / "out")


def test_awq_refuses_other_widths(plain: dict[str, Path], tmp_path: Path) -> None:
    source = mixed(plain["llama"], tmp_path / "source")
    with pytest.raises(
        ColdforgeError, match=r"AWQ files cannot say what is different at .*up_proj"
    ):
        run_convert(str(source), str(tmp_path / "out"), "awq")
    assert not (tmp_path / "out").exists()


def test_zero_points_v1_cannot_hold_are_refused_by_layer(
    plain: dict[str, Path], tmp_path: Path
) -> None:
    def store(name: str, weight: Any) -> Any:
        item = rounded(weight, 4, 32, sym=False)
        return replace(item, zeros=item.zeros * 0) if name == LAYER else item

    source = make(
        plain["llama"], tmp_path / "source", "awq", store, bits=4, group_size=32, sym=False
    )
    with pytest.raises(ColdforgeError, match=f"gptq cannot hold the layer {LAYER}: a zero point"):
        run_convert(str(source), str(tmp_path / "out"), "gptq")
    assert run_convert(str(source), str(tmp_path / "out"), "gptq_v2")["lossless"]


@pytest.mark.parametrize("to", ["awq", "compressed-tensors"])
def test_groups_out_of_order_are_refused_where_there_is_no_index(
    plain: dict[str, Path], tmp_path: Path, to: str
) -> None:
    def store(_: str, weight: Any) -> Any:
        item = rounded(weight, 4, 32, sym=True)
        return replace(item, order=(torch.arange(len(item.codes)) % len(item.scales)).int())

    source = make(
        plain["llama"], tmp_path / "source", "gptq", store,
        bits=4, group_size=32, sym=True, desc_act=True,
    )  # fmt: skip
    with pytest.raises(ColdforgeError, match=r"its groups are out of order \(act-order\)"):
        run_convert(str(source), str(tmp_path / "out"), to)
    found = run_convert(str(source), str(tmp_path / "v2"), "gptq_v2")
    assert read_checkpoint(tmp_path / "v2").quantization["desc_act"]
    assert any("out of order" in text for text in found["warnings"])


@pytest.mark.parametrize("kind", KINDS)
def test_decoding_says_what_float16_rounded(
    plain: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    source = quantised(plain[kind], tmp_path / "source")
    found = run_convert(str(source), str(tmp_path / "out"), "fp16")
    made = read_checkpoint(tmp_path / "out")
    assert made.format is None
    assert made.config["dtype"] == "float16"
    assert found["layers"] == found["rounded_tensors"] == (14 if kind == "llama" else 8)
    assert not found["lossless"]
    assert 0 < found["largest_rounding"] <= 2**-11
    exact, rounded_ = weights(source), weights(tmp_path / "out")
    assert all(torch.equal(exact[name].half().float(), rounded_[name]) for name in exact)


def test_rounded_inputs_are_refused_but_their_weights_can_be_decoded(
    plain: dict[str, Path], tmp_path: Path
) -> None:
    source = make(
        plain["llama"], tmp_path / "source", "w8a8", lambda _, weight: int8(weight),
        bits=8, group_size=-1, sym=True, activations="dynamic",
    )  # fmt: skip
    with pytest.raises(ColdforgeError, match="cannot store that inputs are rounded"):
        run_convert(str(source), str(tmp_path / "out"), "compressed-tensors")
    found = run_convert(str(source), str(tmp_path / "out"), "fp16")
    assert found["inputs"] == "no longer rounded to int8"


def test_shards_convert_and_the_card_names_the_origin(int4: Path, tmp_path: Path) -> None:
    whole = read_checkpoint(int4).digest
    other = shutil.copytree(int4, tmp_path / "shards")
    split(other)
    run_convert(str(other), str(tmp_path / "out"), "gptq_v2")
    card = json.loads((tmp_path / "out" / "coldforge.json").read_text())
    assert card["kind"] == "converted model"
    assert card["origin"]["digest"] == whole
    assert card["digest"] == read_checkpoint(tmp_path / "out").digest
    older = json.loads((tmp_path / "out" / "quantize_config.json").read_text())
    assert older["checkpoint_format"] == "gptq_v2"


def test_a_plain_model_and_an_unknown_format_are_refused(
    int4: Path, plain: dict[str, Path]
) -> None:
    with pytest.raises(ColdforgeError, match="not quantised"):
        run_convert(str(plain["llama"]), str(int4.parent / "out"), "gptq")
    with pytest.raises(UnknownNameError):
        run_convert(str(int4), str(int4.parent / "out"), "gguf")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny(tmp_path / "tiny", "llama")


def test_shards_in_one_file_hold_the_same_tensors(model: Path, tmp_path: Path) -> None:
    before = read_checkpoint(model).digest
    split(model)
    made = run_join(str(model), str(tmp_path / "one"))
    joined = read_checkpoint(tmp_path / "one")
    assert [path.name for path in joined.files] == ["model.safetensors"]
    assert made["digest"] == joined.digest == before
    assert joined.config == read_checkpoint(model).config


def test_others_read_the_joined_file(model: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    whole = load_file(model / "model.safetensors")
    split(model)
    run_join(str(model), str(tmp_path / "one"))
    joined = load_file(tmp_path / "one" / "model.safetensors")
    assert joined.keys() == whole.keys()
    assert all(torch.equal(joined[name], whole[name]) for name in whole)


def test_one_file_is_left_as_it_is(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="already in one file"):
        run_join(str(model), str(tmp_path / "one"))
    assert not (tmp_path / "one").exists()
