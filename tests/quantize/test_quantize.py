"""What quantising refuses, in one line, before any work is done; and what a kill leaves."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.quantize.quantize import run_quantize
from tests.smallmodels import write_model

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


@pytest.fixture
def copy(demo: Path, tmp_path: Path) -> Path:
    """A demo model to kl."""
    shutil.copytree(demo, tmp_path / "model")
    (tmp_path / "model" / "coldforge.json").unlink()
    return tmp_path / "model"


def refused(model: Path, **options: Any) -> str:
    """Quantise and return the error's line; nothing may be left."""
    out = model.parent / "out"
    with pytest.raises(ColdforgeError) as caught:
        run_quantize(str(model), str(out), method="rtn", **options)
    assert caught.value.hint
    assert not out.exists()
    assert "\n" not in caught.value.message
    return caught.value.message


def changed(model: Path, name: str, to: Any) -> None:
    """Store one tensor as something else."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(model / "model.safetensors")
    tensors[name] = to(tensors[name])
    save_file(tensors, model / "model.safetensors", {"format": "pt"})


def test_no_tokenizer(copy: Path) -> None:
    for path in copy.glob("tokenizer*"):
        path.unlink()
    assert "no tokenizer" in refused(copy)


def test_weights_that_are_no_floats(copy: Path) -> None:
    changed(copy, "model.layers.2.mlp.up_proj.weight", lambda item: item.to(torch.int8))
    assert "model.layers.2.mlp.up_proj.weight is stored as int8" in refused(copy)


def test_arithmetic_that_there_is_not(copy: Path) -> None:
    assert "unknown dtype 'float17'" in refused(copy, dtype="float17")
    assert "needs a CUDA device" in refused(copy, dtype="float16")


def test_a_device_that_there_is_not(copy: Path) -> None:
    assert "unknown device 'tpu'" in refused(copy, device="tpu")


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize("name", ["model.layers.1.mlp.up_proj.weight", "lm_head.weight"])
def test_weights_that_are_no_numbers(copy: Path, name: str, value: str) -> None:
    def spoil(item: Any) -> Any:
        item[1, 2] = float(value)
        return item

    changed(copy, name, spoil)
    assert f"{name} of" in refused(copy)


def test_calibration_shorter_than_a_window(demo: Path, tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("too short")
    with pytest.raises(ColdforgeError, match="a window needs 512"):
        run_quantize(str(demo), str(tmp_path / "out"), calibration=str(tmp_path / "short.txt"))
    assert [path.name for path in tmp_path.iterdir()] == ["short.txt"]


def test_a_group_size_that_does_not_divide(copy: Path) -> None:
    assert "group size 96 does not divide" in refused(copy, asked={"group_size": 96})


def test_a_shard_that_is_cut_off(copy: Path) -> None:
    place = copy / "model.safetensors"
    place.write_bytes(place.read_bytes()[:-1000])
    assert "not a complete safetensors file" in refused(copy)


def test_a_shard_with_a_flipped_bit_by_the_card(demo: Path, copy: Path) -> None:
    shutil.copyfile(demo / "coldforge.json", copy / "coldforge.json")
    place = copy / "model.safetensors"
    raw = bytearray(place.read_bytes())
    raw[-1000] ^= 1
    place.write_bytes(raw)
    assert "not those that coldforge.json names" in refused(copy)


def test_a_model_type_we_do_not_know(tmp_path: Path) -> None:
    shapes = {"backbone.layers.0.mixer.in_proj.weight": ("F16", [8, 8])}
    model = write_model(tmp_path / "model", shapes, model_type="mamba")
    assert "models of type 'mamba' are not supported" in refused(model)


def test_a_config_that_does_not_fit_the_weights(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "intermediate_size": 512}))
    assert "does not fit" in refused(copy)


def test_a_quantised_model(demo: Path, tmp_path: Path) -> None:
    run_quantize(str(demo), str(tmp_path / "once"), method="rtn")
    assert "quantised already" in refused(tmp_path / "once")
