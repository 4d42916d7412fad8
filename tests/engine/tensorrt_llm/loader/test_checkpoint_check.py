"""What each release makes of checkpoints that are right, or wrong in one way."""

from pathlib import Path
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")
pytest.importorskip("safetensors")
from coldforge.engine.tensorrt_llm.loader import verdict as said  # noqa: E402
from tests.engine.tensorrt_llm.loader import rig  # noqa: E402

pytestmark = pytest.mark.model
RELEASES = ("0.5.0", "0.10", "1.2")
DOWN, KEY = "mlp.down_proj", "self_attn.k_proj"


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("tp", [1, 2])
def test_a_plain_gptq_file_is_exact(tmp_path: Path, release: str, tp: int) -> None:
    found = rig.check(rig.make(tmp_path), release, tp)
    assert {item.verdict for item in found.values()} == {said.EXACT}


@pytest.mark.parametrize("release", RELEASES)
def test_true_zero_points_are_off_by_one_step(tmp_path: Path, release: str) -> None:
    found = rig.check(rig.make(tmp_path, "gptq_v2"), release)
    assert rig.linear(found) == {said.STEP}
    assert found[DOWN].share == 1
    assert "--to gptq" in found[DOWN].fix


@pytest.mark.parametrize("release", RELEASES)
def test_an_order_of_groups_that_nobody_reads_gives_wrong_groups(
    tmp_path: Path, release: str
) -> None:
    found = rig.check(rig.make(tmp_path, order=True), release)
    assert rig.linear(found) == {said.GROUPS}
    assert 0 < found[DOWN].share < 1
    assert "--act-order" in found[DOWN].fix


@pytest.mark.parametrize("release", ["0.5.0", "0.10"])
def test_zero_points_of_their_own_are_right_but_for_rounding(tmp_path: Path, release: str) -> None:
    found = rig.check(rig.make(tmp_path, even=False), release)
    assert rig.linear(found) <= said.SOUND
    assert found[DOWN].verdict == said.ROUNDED
    assert found[DOWN].share == 0
    assert (found[DOWN].largest or 1) < 2**-9


def test_1_2_leaves_the_zero_points_of_asymmetric_files_out(tmp_path: Path) -> None:
    found = rig.check(rig.make(tmp_path, even=False), "1.2")
    assert rig.linear(found) == {said.IGNORED}
    assert "0.10" in found[DOWN].fix


def test_1_2_keeps_them_where_desc_act_is_said(tmp_path: Path) -> None:
    folder = rig.make(tmp_path, even=False)
    text = (folder / "config.json").read_text("utf-8")
    (folder / "config.json").write_text(
        text.replace('"desc_act": false', '"desc_act": true'), "utf-8"
    )
    assert rig.linear(rig.check(folder, "1.2")) <= said.SOUND


def test_0_5_joins_q_k_and_v_as_if_equally_wide(tmp_path: Path) -> None:
    found = rig.check(rig.make(tmp_path, kv_heads=1), "0.5.0")
    assert found[KEY].verdict == said.CRASH
    assert "128, 64, 64" in found[KEY].why
    assert found[DOWN].verdict == said.EXACT


@pytest.mark.parametrize("release", ["0.10", "1.2"])
def test_later_releases_take_narrow_k_and_v(tmp_path: Path, release: str) -> None:
    assert rig.linear(rig.check(rig.make(tmp_path, kv_heads=1), release)) == {said.EXACT}


@pytest.mark.parametrize("release", RELEASES)
def test_a_head_of_k_that_two_cards_share_would_crash(tmp_path: Path, release: str) -> None:
    found = rig.check(rig.make(tmp_path, kv_heads=1), release, tp=2)
    assert found[KEY].verdict == said.CRASH


@pytest.mark.parametrize(
    ("release", "wanted"), [("0.5.0", said.GROUPS), ("0.10", said.CRASH), ("1.2", said.GROUPS)]
)
def test_groups_that_do_not_divide_among_cards(tmp_path: Path, release: str, wanted: str) -> None:
    found = rig.check(rig.make(tmp_path, group=128, inner=640), release, tp=2)
    assert found[DOWN].verdict == wanted
    assert "--tp" in found[DOWN].fix


@pytest.mark.parametrize("release", RELEASES)
def test_groups_without_a_kernel_would_crash(tmp_path: Path, release: str) -> None:
    found = rig.check(rig.make(tmp_path, group=32), release)
    assert rig.linear(found) == {said.CRASH}
    assert "64 or 128" in found[DOWN].why


@pytest.mark.parametrize(
    ("release", "wanted"), [("0.5.0", said.CRASH), ("0.10", said.CRASH), ("1.2", said.EXACT)]
)
def test_only_1_2_reads_autoawq(tmp_path: Path, release: str, wanted: str) -> None:
    found = rig.check(rig.make(tmp_path, "awq"), release)
    assert rig.linear(found) == {wanted}


@pytest.mark.parametrize("release", RELEASES)
def test_compressed_tensors_are_converted_first(tmp_path: Path, release: str) -> None:
    found = rig.check(rig.make(tmp_path, "compressed-tensors"), release)
    assert rig.linear(found) == {said.CRASH}
    assert "checkpoint.convert --to gptq" in found[DOWN].fix


def test_layers_of_another_width_would_crash(tmp_path: Path) -> None:
    rule = {r"^model\.layers\.0\.mlp\.down_proj$": {"bits": 8}}
    how = {"bits": 4, "group_size": 64, "quant_method": "gptq", "sym": True, "dynamic": rule}

    def wider(tensors: dict[str, Any]) -> None:
        name = rig.BLOCK + DOWN
        for part in (".qweight", ".qzeros"):
            side = 0 if part == ".qweight" else 1
            tensors[name + part] = torch.cat([tensors[name + part]] * 2, dim=side)

    found = rig.check(rig.make(tmp_path, change=wider, quantization_config=how), "0.5.0")
    assert found[DOWN].verdict == said.CRASH
    assert found[DOWN].why.startswith("8 bits")
    assert found[KEY].verdict == said.EXACT


def test_0_5_leaves_a_layer_that_is_not_quantised_random(tmp_path: Path) -> None:
    found = rig.check(rig.make(tmp_path, change=lambda tensors: plain(tensors, DOWN)), "0.5.0")
    assert found[DOWN].verdict == said.LEFT_RANDOM
    found = rig.check(rig.make(tmp_path, change=lambda tensors: plain(tensors, KEY)), "0.5.0")
    assert found[KEY].verdict == said.CRASH


@pytest.mark.parametrize(
    ("release", "wanted"),
    [("0.5.0", said.LEFT_RANDOM), ("0.10", said.CRASH), ("1.2", said.EXACT)],
)
def test_a_head_that_is_the_embedding_again(tmp_path: Path, release: str, wanted: str) -> None:
    def tie(tensors: dict[str, Any]) -> None:
        del tensors["lm_head.weight"]

    folder = rig.make(tmp_path, change=tie, tie_word_embeddings=True)
    assert rig.check(folder, release)["lm_head.weight"].verdict == wanted


@pytest.mark.parametrize(
    ("release", "wanted"), [("0.5.0", said.CRASH), ("0.10", said.CRASH), ("1.2", said.EXACT)]
)
def test_bfloat16_scales_are_converted_by_1_2_alone(
    tmp_path: Path, release: str, wanted: str
) -> None:
    def coarse(tensors: dict[str, Any]) -> None:
        for name in [name for name in tensors if name.endswith(".scales")]:
            tensors[name] = tensors[name].bfloat16()

    assert rig.linear(rig.check(rig.make(tmp_path, change=coarse), release)) == {wanted}


@pytest.mark.parametrize("release", ["0.5.0", "0.10"])
def test_engines_of_bfloat16_have_no_gptq_before_1_2(tmp_path: Path, release: str) -> None:
    found = rig.check(rig.make(tmp_path), release, dtype="bfloat16")
    assert rig.linear(found) == {said.CRASH}


def test_1_2_rounds_scales_to_bfloat16(tmp_path: Path) -> None:
    assert rig.linear(rig.check(rig.make(tmp_path), "1.2", dtype="bfloat16")) == {said.ROUNDED}


def test_an_embedding_beyond_float16_overflows(tmp_path: Path) -> None:
    def grow(tensors: dict[str, Any]) -> None:
        tensors["model.embed_tokens.weight"] = tensors["model.embed_tokens.weight"].bfloat16()
        tensors["model.embed_tokens.weight"][3, 4] = 1e5

    found = rig.check(rig.make(tmp_path, change=grow), "0.5.0")["model.embed_tokens.weight"]
    assert found.verdict == said.OVERFLOWS
    assert found.share == pytest.approx(1 / (rig.VOCAB * rig.HIDDEN))


def test_biases_that_llama_has_no_place_for_are_left_out(tmp_path: Path) -> None:
    def bias(tensors: dict[str, Any]) -> None:
        tensors[rig.BLOCK + "self_attn.q_proj.bias"] = torch.ones(rig.HIDDEN).half()
        tensors[rig.BLOCK + "self_attn.o_proj.bias"] = torch.zeros(rig.HIDDEN).half()

    found = rig.check(rig.make(tmp_path, change=bias), "0.10")
    assert found["self_attn.q_proj.bias"].verdict == said.LEFT_OUT
    assert found["self_attn.o_proj.bias"].verdict == said.EXACT


@pytest.mark.parametrize(("release", "wanted"), [("0.5.0", said.CRASH), ("1.2", said.EXACT)])
def test_two_files_are_one_too_many_for_0_5(tmp_path: Path, release: str, wanted: str) -> None:
    from safetensors.torch import load_file, save_file

    folder = rig.make(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    save_file({"model.norm.weight": tensors.pop("model.norm.weight")}, folder / "z.safetensors")
    save_file(tensors, folder / "model.safetensors")
    assert rig.linear(rig.check(folder, release)) == {wanted}


def test_rotary_positions_that_the_release_would_not_find_are_left_out(tmp_path: Path) -> None:
    folder = rig.make(tmp_path, rope_parameters={"rope_theta": 1e6, "rope_type": "default"})
    assert rig.check(folder, "1.2")["config.json"].verdict == said.LEFT_OUT
    assert "config.json" not in rig.check(folder, "0.5.0")  # its builder is told


def test_zero_points_that_wrapped_around_are_wrong(tmp_path: Path) -> None:
    def wrap(tensors: dict[str, Any]) -> None:
        tensors[rig.BLOCK + DOWN + ".qzeros"].fill_(-1)

    folder = rig.make(tmp_path, change=wrap)
    text = (folder / "config.json").read_text("utf-8")
    (folder / "config.json").write_text(text.replace('"coldforge:', '"gptqmodel:9.'), "utf-8")
    found = rig.check(folder, "0.5.0")[DOWN]
    assert found.verdict == said.WRONG
    assert "maker" in found.why


def plain(tensors: dict[str, Any], name: str) -> None:
    """Put a float16 weight in place of a quantised one."""
    for part in (".qzeros", ".scales", ".g_idx"):
        del tensors[rig.BLOCK + name + part]
    words, outputs = tensors.pop(rig.BLOCK + name + ".qweight").shape
    tensors[rig.BLOCK + name + ".weight"] = torch.zeros(outputs, words * 8).half()
