from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.model.checkpoint import read_checkpoint

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


def pack(codes: Any, bits: int, dim: int) -> Any:
    """Pack codes along `dim`, field n of a word at bit n * bits; the reference of the tests."""
    words = []
    for group in codes.long().split(32 // bits, dim):
        shape = [1, 1]
        shape[dim] = -1
        shifts = (torch.arange(32 // bits) * bits).view(shape)
        words.append((group << shifts).sum(dim, keepdim=True))
    packed = torch.cat(words, dim)
    return torch.where(packed >= 1 << 31, packed - (1 << 32), packed).int()


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("offset", [0, 1])
def test_packed_weights_come_back_exactly(bits: int, offset: int) -> None:
    from coldforge.model.load import dequantise

    chance = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 1 << bits, (64, 32), generator=chance)
    zeros = torch.randint(0, (1 << bits) - 1, (2, 32), generator=chance)
    scales = torch.rand(2, 32, generator=chance).half()
    layer = {".qweight": pack(codes, bits, 0), ".qzeros": pack(zeros, bits, 1), ".scales": scales}
    wanted = torch.cat(
        [(codes[at : at + 32] - zeros[n] - offset).float() * scales[n].float()
         for n, at in enumerate((0, 32))]
    )  # fmt: skip
    assert torch.equal(dequantise({**layer, ".g_idx": None}, bits, offset), wanted)


def test_group_indices_decide_the_group_of_a_row() -> None:
    from coldforge.model.load import dequantise

    codes = torch.full((64, 32), 5)
    zeros = torch.zeros(2, 32, dtype=torch.int64)
    scales = torch.stack([torch.full((32,), 1.0), torch.full((32,), 2.0)]).half()
    order = (torch.arange(64) % 2).int()
    layer = {".qweight": pack(codes, 4, 0), ".qzeros": pack(zeros, 4, 1), ".scales": scales}
    weight = dequantise({**layer, ".g_idx": order}, 4, 1)
    assert weight[:, 0].tolist() == [4.0, 8.0] * 32


def test_other_quantisations_are_refused_by_name(packed: Path) -> None:
    import json

    from coldforge.model.load import load_model

    config = json.loads((packed / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "awq", "bits": 4}
    (packed / "config.json").write_text(json.dumps(config))
    with pytest.raises(ColdforgeError, match="quantised as awq"):
        load_model(read_checkpoint(packed))


def test_a_missing_tensor_is_an_error_and_no_random_weight(demo: Path, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    from coldforge.model.load import load_model

    shutil.copytree(demo, tmp_path / "holed")
    path = tmp_path / "holed" / "model.safetensors"
    tensors = load_file(path)
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ColdforgeError, match=r"layers\.1\.mlp\.up_proj"):
        load_model(read_checkpoint(tmp_path / "holed"))
