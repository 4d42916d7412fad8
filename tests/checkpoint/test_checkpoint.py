import json
from pathlib import Path

import pytest

from coldforge.checkpoint.checkpoint import INDEX, compare, read_checkpoint
from coldforge.errors import ColdforgeError
from tests.smallmodels import PACKED, PLAIN, safetensors, write_model


def test_linear_weights_are_counted_without_embeddings_norms_and_head(plain: Path) -> None:
    checkpoint = read_checkpoint(plain)
    assert checkpoint.linear_bytes == 4 * 8 * 2
    assert checkpoint.linear_fp16_bytes == 4 * 8 * 2
    assert [item.shape.inputs for item in checkpoint.linears.values()] == [8]


def test_packed_weights_count_scales_zeros_and_group_indices(packed: Path) -> None:
    checkpoint = read_checkpoint(packed)
    assert checkpoint.linear_bytes == 8 * 32 * 4 + 2 * 4 * 4 + 2 * 32 * 2 + 64 * 4
    assert checkpoint.linear_fp16_bytes == 32 * 64 * 2


def test_bits_per_weight_count_all_that_a_weight_takes(packed: Path, plain: Path) -> None:
    assert read_checkpoint(packed).bits_per_weight == pytest.approx(8 * 1440 / 2048)
    assert read_checkpoint(packed).linear_weights == 2048
    assert read_checkpoint(plain).bits_per_weight == 16


@pytest.mark.parametrize(
    ("form", "parts", "size"),
    [
        (
            {"quant_method": "awq", "bits": 4, "version": "gemm"},
            {"qweight": ("I32", [64, 4]), "qzeros": ("I32", [2, 4]), "scales": ("F16", [2, 32])},
            1024 + 32 + 128,
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "format": "pack-quantized",
                "config_groups": {"0": {"targets": ["Linear"], "weights": {"num_bits": 4}}},
            },
            {"weight_packed": ("I32", [32, 8]), "weight_scale": ("F16", [32, 2])},
            1024 + 128,
        ),
        (
            {"quant_method": "gptq", "bits": 8, "dynamic": {".*up_proj": {"bits": 3}}},
            {"qweight": ("I32", [6, 32]), "qzeros": ("I32", [2, 3]), "scales": ("F16", [2, 32])},
            768 + 24 + 128,
        ),
    ],
)
def test_every_format_is_measured(
    tmp_path: Path, form: dict[str, object], parts: dict[str, tuple[str, list[int]]], size: int
) -> None:
    layer = "model.layers.0.mlp.up_proj"
    shapes = {f"{layer}.{part}": shape for part, shape in parts.items()}
    made = read_checkpoint(write_model(tmp_path / "made", shapes, quantization_config=form))
    assert made.linear_weights == 64 * 32
    assert made.linear_bytes == size
    assert made.linears[layer].shape.group_size == 32


def test_matrices_inside_blocks_are_linear_whatever_their_name(tmp_path: Path) -> None:
    shapes = {
        "model.embed_tokens.weight": ("F16", [16, 8]),
        "model.layers.0.odd.weight": ("F16", [4, 8]),
        "model.layers.0.norm.weight": ("F16", [8]),
    }
    made = read_checkpoint(write_model(tmp_path / "made", shapes)).linears
    assert {name: item.shape.inputs for name, item in made.items()} == {"model.layers.0.odd": 8}


def test_a_config_without_its_tensors_is_refused(plain: Path) -> None:
    config = json.loads((plain / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (plain / "config.json").write_text(json.dumps(config))
    with pytest.raises(ColdforgeError, match="the config says gptq, but no layer is"):
        read_checkpoint(plain).linears  # noqa: B018


def test_bytes_on_disk_are_those_of_the_weight_files(plain: Path) -> None:
    assert read_checkpoint(plain).disk_bytes == (plain / "model.safetensors").stat().st_size


def test_the_digest_ignores_how_tensors_are_sharded(plain: Path, tmp_path: Path) -> None:
    other = write_model(tmp_path / "other", {})
    (other / "model.safetensors").unlink()
    shards = {}
    for number, (name, shape) in enumerate(PLAIN.items()):
        (other / f"{number}.safetensors").write_bytes(safetensors({name: shape}))
        shards[name] = f"{number}.safetensors"
    (other / INDEX).write_text(json.dumps({"weight_map": shards}), "utf-8")
    assert read_checkpoint(other).digest == read_checkpoint(plain).digest


def test_a_difference_names_its_tensors(plain: Path, tmp_path: Path) -> None:
    other = write_model(tmp_path / "other", {**PLAIN, "extra.weight": ("F16", [2])})
    (other / "model.safetensors").write_bytes(
        safetensors({**dict(list(PLAIN.items())[1:]), "extra.weight": ("F16", [2])}, fill=1)
    )
    found = compare(read_checkpoint(plain), read_checkpoint(other))
    assert not found["equal"]
    assert found["only_one"] == ["model.embed_tokens.weight"]
    assert found["only_other"] == ["extra.weight"]
    assert found["differing"] == sorted(set(PLAIN) - {"model.embed_tokens.weight"})


def test_the_older_quantize_config_is_read(packed: Path) -> None:
    config = json.loads((packed / "config.json").read_text())
    settings = config.pop("quantization_config")
    (packed / "config.json").write_text(json.dumps(config))
    (packed / "quantize_config.json").write_text(json.dumps({"bits": settings["bits"]}))
    assert read_checkpoint(packed).quantization == {"quant_method": "gptq", "bits": 4}


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="no such model directory"):
        read_checkpoint(tmp_path / "none")


def test_a_directory_without_weights_is_said_so(plain: Path) -> None:
    (plain / "model.safetensors").rename(plain / "pytorch_model.bin")
    with pytest.raises(ColdforgeError, match=r"without weights.*only pytorch_model\.bin"):
        read_checkpoint(plain)


def test_a_directory_without_tokenizer_is_said_so(plain: Path) -> None:
    (plain / "tokenizer.json").unlink()
    with pytest.raises(ColdforgeError, match="no tokenizer"):
        read_checkpoint(plain)


def test_a_directory_without_config_is_said_so(plain: Path) -> None:
    (plain / "config.json").unlink()
    with pytest.raises(ColdforgeError, match=r"no config\.json"):
        read_checkpoint(plain)


def test_a_config_that_is_not_json_is_said_so(plain: Path) -> None:
    (plain / "config.json").write_text("{")
    with pytest.raises(ColdforgeError, match="not JSON"):
        read_checkpoint(plain)


def test_a_corrupted_header_is_said_so(plain: Path) -> None:
    path = plain / "model.safetensors"
    path.write_bytes(b"\xff" * 8 + path.read_bytes()[8:])
    with pytest.raises(ColdforgeError, match="not a complete safetensors file"):
        read_checkpoint(plain)


@pytest.mark.parametrize("name", ["gone.safetensors", "../plain/model.safetensors"])
def test_a_shard_that_is_missing_or_elsewhere_is_refused(plain: Path, name: str) -> None:
    (plain / INDEX).write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(ColdforgeError, match="lacks the shard"):
        read_checkpoint(plain)


def test_the_fixture_shapes_agree_with_four_bits() -> None:
    assert PACKED["model.layers.0.mlp.up_proj.qweight"][1][0] * 8 == 64
