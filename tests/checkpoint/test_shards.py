"""Pieces joined into files that the format's own reader opens."""

import json
from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint import shards as module
from coldforge.checkpoint.shards import Shards

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model
PIECES = {
    "00000": {"a.qweight": torch.arange(12).int().view(3, 4), "a.scales": torch.ones(5).half()},
    "00001": {"b.sign": torch.arange(7, dtype=torch.uint8), "b.bias": torch.ones(3)},
}  # fmt: skip


def joined(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    made = Shards(folder)
    for name, tensors in PIECES.items():
        made.write(name, tensors)
    made.join()
    return {
        name: item
        for path in folder.glob("*.safetensors")
        for name, item in load_file(path).items()
    }


def test_one_file_holds_every_tensor(tmp_path: Path) -> None:
    found = joined(tmp_path)
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["model.safetensors"]
    for tensors in PIECES.values():
        for name, item in tensors.items():
            assert torch.equal(found[name], item)


def test_large_checkpoints_are_cut_and_indexed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHARD", 50)
    assert len(joined(tmp_path)) == 4
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["weight_map"]["a.qweight"] == "model-00001-of-00002.safetensors"
    assert index["metadata"]["total_size"] == 48 + 10 + 7 + 12
    assert {path.name for path in tmp_path.glob("*.safetensors")} == set(
        index["weight_map"].values()
    )


def test_tensors_of_wide_elements_come_first_so_that_all_are_aligned(tmp_path: Path) -> None:
    from coldforge.checkpoint.safetensors_file import read_header

    joined(tmp_path)
    header = read_header(tmp_path / "model.safetensors")
    widths = {"I32": 4, "F32": 4, "F16": 2, "U8": 1}
    assert all(item.data_offsets[0] % widths[item.dtype] == 0 for item in header.values())
