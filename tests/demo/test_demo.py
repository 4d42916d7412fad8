import json
from pathlib import Path

import pytest

from coldforge.checkpoint.checkpoint import compare, read_checkpoint
from coldforge.demo.demo import run_demo
from coldforge.errors import ColdforgeError
from coldforge.model.families.blocks import linear_inputs

pytestmark = pytest.mark.model


def test_the_demo_model_is_a_whole_checkpoint_in_half_precision(demo: Path) -> None:
    checkpoint = read_checkpoint(demo)
    assert {item.dtype for item in checkpoint.tensors.values()} == {"F16"}
    assert checkpoint.linear_bytes == checkpoint.linear_fp16_bytes
    assert all(width % 128 == 0 for width in linear_inputs(checkpoint).values())


def test_its_card_tells_perplexity_before_and_after(demo: Path) -> None:
    card = json.loads((demo / "coldforge.json").read_text())
    assert card["perplexity"] < card["perplexity_untrained"]
    assert card["digest"] == read_checkpoint(demo).digest


def test_older_releases_know_its_tokenizer_class(demo: Path) -> None:
    settings = json.loads((demo / "tokenizer_config.json").read_text())
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"


def test_the_same_seed_gives_the_same_model_and_another_seed_another(
    demo: Path, tmp_path: Path
) -> None:
    run_demo(str(tmp_path / "again"), steps=3)
    run_demo(str(tmp_path / "other"), seed=1, steps=3)
    first = read_checkpoint(demo)
    assert compare(first, read_checkpoint(tmp_path / "again"))["equal"]
    assert not compare(first, read_checkpoint(tmp_path / "other"))["equal"]
    assert (demo / "tokenizer.json").read_bytes() == (
        tmp_path / "again" / "tokenizer.json"
    ).read_bytes()


def test_a_folder_of_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ColdforgeError, match="not made as a demo model"):
        run_demo(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_no_steps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="cannot train for 0 steps"):
        run_demo(str(tmp_path / "out"), steps=0)
