from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.model.checkpoints.join import run_join
from tests.checkpoint.formats.folders import split, tiny

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


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
