import json
import struct
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.model.checkpoints.inspect import run_inspect
from tests.smallmodels import PACKED

LAYER = "model.layers.0.mlp.up_proj"


def configure(folder: Path, **settings: object) -> None:
    """Change a checkpoint's quantization_config."""
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] |= settings
    (folder / "config.json").write_text(json.dumps(config))


def index(folder: Path, groups: list[int]) -> None:
    """Write group indices into the one layer of the packed fixture; they are its last bytes."""
    path = folder / "model.safetensors"
    data = path.read_bytes()
    written = struct.pack(f"<{len(groups)}i", *groups)
    assert list(PACKED)[-1].endswith(".g_idx")
    path.write_bytes(data[: -len(written)] + written)


def test_a_layer_is_told_by_its_headers(packed: Path) -> None:
    configure(packed, sym=True)
    index(packed, [at // 32 for at in range(64)])
    found = run_inspect(str(packed))
    assert found["layers"] == [
        {
            "name": LAYER, "format": "gptq", "bits": 4, "group_size": 32, "sym": True,
            "act_order": False, "inputs": 64, "outputs": 32,
            "bytes": 8 * 32 * 4 + 2 * 4 * 4 + 2 * 32 * 2 + 64 * 4,
        }
    ]  # fmt: skip
    assert found["bits_per_weight"] == pytest.approx(8 * 1440 / 2048)
    assert found["shards"] == ["model.safetensors"]
    assert found["warnings"] == []


def test_a_plain_model_has_layers_without_groups(plain: Path) -> None:
    found = run_inspect(str(plain))
    assert found["format"] == "plain"
    assert found["layers"][0] == {
        "name": LAYER, "format": "F16", "bits": 16, "group_size": None, "sym": None,
        "act_order": False, "inputs": 8, "outputs": 4, "bytes": 64,
    }  # fmt: skip


def test_groups_out_of_order_are_warned_of(packed: Path) -> None:
    index(packed, [at % 2 for at in range(64)])
    found = run_inspect(str(packed))
    assert found["layers"][0]["act_order"]
    assert any("TensorRT-LLM 0.5.0 ignores their g_idx" in text for text in found["warnings"])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"checkpoint_format": "gptq_v2"}, "one step too high"),
        ({"checkpoint_format": None}, "read as v1"),
        ({"desc_act": True}, "the setting is not needed"),
    ],
)
def test_what_a_reader_would_get_wrong_is_warned_of(
    packed: Path, settings: dict[str, Any], said: str
) -> None:
    configure(packed, **settings)
    index(packed, [at // 32 for at in range(64)])
    assert [text for text in run_inspect(str(packed))["warnings"] if said in text]


def test_a_config_that_does_not_fit_its_tensors_is_refused(packed: Path) -> None:
    configure(packed, bits=8)
    with pytest.raises(ColdforgeError, match=f"{LAYER}.qweight is 8 by 32, its layer needs 16"):
        run_inspect(str(packed))
    configure(packed, quant_method="awq")
    with pytest.raises(ColdforgeError, match="packed in 8 bits"):
        run_inspect(str(packed))


def test_rows_of_equal_layers_are_counted_together() -> None:
    from coldforge.tasks.checkpoint import layers_table

    layer = {
        "format": "gptq", "bits": 4, "group_size": 32, "sym": True, "act_order": False,
        "inputs": 64, "outputs": 32, "bytes": 1440,
    }  # fmt: skip
    layers = [{"name": f"model.layers.{at}.mlp.up_proj", **layer} for at in range(12)]
    text = layers_table(
        {
            "layers": layers, "linear_weights": 24576, "linear_bytes": 17280,
            "bits_per_weight": 5.625, "disk_bytes": 20000, "shards": ["a", "b"],
            "warnings": ["beware"],
        }
    )  # fmt: skip
    rows = text.splitlines()
    assert rows[1].split()[:3] == ["model.layers.*.mlp.up_proj", "12", "gptq"]
    assert rows[2].startswith("12 linear layers of 24,576 weights")
    assert rows[-1] == "warning: beware"
