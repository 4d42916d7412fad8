import json
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.model.checkpoint import INDEX, compare, read_checkpoint
from tests.model.conftest import PACKED, PLAIN, safetensors, write_model


def test_linear_weights_are_counted_without_embeddings_norms_and_head(plain: Path) -> None:
    checkpoint = read_checkpoint(plain)
    assert checkpoint.linear_bytes == 4 * 8 * 2
    assert checkpoint.linear_fp16_bytes == 4 * 8 * 2
    assert checkpoint.linear_inputs() == {"model.layers.0.mlp.up_proj": 8}


def test_packed_weights_count_scales_zeros_and_group_indices(packed: Path) -> None:
    checkpoint = read_checkpoint(packed)
    assert checkpoint.linear_bytes == 8 * 32 * 4 + 2 * 4 * 4 + 2 * 32 * 2 + 64 * 4
    assert checkpoint.linear_fp16_bytes == 32 * 64 * 2


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
    with pytest.raises(ColdforgeError, match="not a whole safetensors file"):
        read_checkpoint(plain)


@pytest.mark.parametrize("name", ["gone.safetensors", "../plain/model.safetensors"])
def test_a_shard_that_is_missing_or_elsewhere_is_refused(plain: Path, name: str) -> None:
    (plain / INDEX).write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(ColdforgeError, match="lacks the shard"):
        read_checkpoint(plain)


def test_the_fixture_shapes_agree_with_four_bits() -> None:
    assert PACKED["model.layers.0.mlp.up_proj.qweight"][1][0] * 8 == 64
