import shutil
from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.engine.card import read_engine
from coldforge.engine.commands.build import run_build
from coldforge.errors import ColdforgeError
from tests.checkpoint.formats.folders import int8, make, rounded
from tests.engine.onnxruntime.graph.rig import decoder

pytestmark = pytest.mark.model
EIGHT = {"bits": 8, "group_size": -1, "sym": True}


def test_the_same_checkpoint_gives_the_same_digest(
    int4: Path, int4_engine: Path, tmp_path: Path
) -> None:
    again = run_build(str(int4), str(tmp_path / "engine"))
    card = read_engine(int4_engine).card
    assert again["digest"] == card["digest"]
    assert again["disk_bytes"] == sum(
        path.stat().st_size for path in int4_engine.iterdir() if path.name != "coldforge.json"
    )
    assert card["checkpoint"] == read_checkpoint(int4).digest
    assert (card["precision"], card["inputs"]) == ("int4", "float32")
    assert card["checked"] == {"exact": 35, "head": "float32"}


@pytest.mark.parametrize(
    ("activations", "precision", "inputs"),
    [
        ("float32", "int8", "float32; the checkpoint was made for int8"),
        ("int8", "int8 + int8 activations", "int8, a step of its own for every block"),
    ],
)
def test_a_checkpoint_made_for_int8_inputs_says_what_becomes_of_them(
    tmp_path: Path, activations: str, precision: str, inputs: str
) -> None:
    settings: dict[str, Any] = EIGHT | {"activations": "dynamic"}
    plain = decoder(tmp_path / "plain")
    made = make(plain, tmp_path / "w8a8", "w8a8", lambda _, weight: int8(weight), **settings)
    said = run_build(str(made), str(tmp_path / "engine"), activations=activations)
    assert (said["precision"], said["inputs"]) == (precision, inputs)


def test_groups_the_operator_cannot_take_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"bits": 4, "group_size": 8, "sym": True}
    made = make(
        decoder(tmp_path / "plain"), tmp_path / "made", "gptq",
        lambda _, weight: rounded(weight, 4, 8, sym=True), **settings,
    )  # fmt: skip
    with pytest.raises(ColdforgeError, match="has groups of 8 weights") as refused:
        run_build(str(made), str(tmp_path / "engine"))
    assert "--group-size" in refused.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "plain"]


def test_a_family_nobody_knows_is_refused(tmp_path: Path) -> None:
    folder = decoder(tmp_path / "model")
    text = (folder / "config.json").read_text("utf-8")
    (folder / "config.json").write_text(text.replace('"llama"', '"mamba"'), "utf-8")
    with pytest.raises(ColdforgeError, match="models of type 'mamba' are not supported") as refused:
        run_build(str(folder), str(tmp_path / "engine"))
    assert refused.value.hint == "known types: gpt2, llama, mistral, qwen2"


def test_other_activations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="unknown activations 'int3'"):
        run_build(str(tmp_path), str(tmp_path / "engine"), activations="int3")


def test_a_changed_checkpoint_is_refused(int4: Path, tmp_path: Path) -> None:
    shutil.copytree(int4, tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ColdforgeError, match="are not those that"):
        run_build(str(tmp_path / "model"), str(tmp_path / "engine"))
