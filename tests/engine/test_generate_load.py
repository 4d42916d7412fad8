import json
import shutil
from pathlib import Path

import pytest

from coldforge.engine.card import read_engine
from coldforge.engine.generate import load_runner, refuse_damaged
from coldforge.errors import ColdforgeError
from tests.engine.rig import folder


def test_a_file_of_other_bytes_is_named(tmp_path: Path) -> None:
    engine = read_engine(folder(tmp_path / "engine"))
    refuse_damaged(engine)
    place = engine.folder / "config.json"
    place.write_bytes(place.read_bytes().replace(b"llama", b"lLama"))
    with pytest.raises(ColdforgeError, match=r"config\.json is not as it was built"):
        refuse_damaged(engine)


def test_a_large_file_cut_short_is_noticed_by_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coldforge.engine.generate.SMALL", 4)
    engine = read_engine(folder(tmp_path / "engine"))
    place = engine.folder / "config.json"
    place.write_bytes(place.read_bytes()[:-1])
    with pytest.raises(ColdforgeError, match=r"holds [0-9,]+ bytes instead of"):
        load_runner(engine)


def test_an_unknown_backend_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="unknown backend 'abacus'"):
        load_runner(read_engine(folder(tmp_path / "engine", backend="abacus")))


@pytest.mark.model
@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("model.onnx", "not a graph", "cannot be loaded"),
        ("model.onnx.data", "", "cannot be loaded"),
        ("genai_config.json", "{", "cannot be read"),
        ("genai_config.json", "{}", "cannot be read"),
        ("genai_config.json", '{"model": {"eos_token_id": 0}}', "cannot be loaded"),
    ],
)
def test_garbled_files_are_one_line(
    fp32_engine: Path, tmp_path: Path, name: str, text: str, said: str
) -> None:
    place = tmp_path / "engine"
    shutil.copytree(fp32_engine, place)
    (place / name).write_text(text, "utf-8")
    card = json.loads((place / "coldforge.json").read_text("utf-8"))
    from coldforge.engine.card import write_engine

    write_engine(place, {key: item for key, item in card.items() if key != "kind"})
    with pytest.raises(ColdforgeError, match=said) as caught:
        load_runner(read_engine(place))
    assert "\n" not in caught.value.message
    assert caught.value.hint
