import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.engine.card import read_engine
from coldforge.engine.generate import (
    LENGTH,
    STOP,
    answer,
    load_runner,
    refuse_damaged,
    room,
    stream_answer,
)
from coldforge.errors import ColdforgeError
from tests.engine.rig import Adder, folder

PROMPTS = st.integers(1, 8).flatmap(
    lambda length: st.lists(
        st.lists(st.integers(0, 10), min_size=length, max_size=length), min_size=1, max_size=4
    )
)


@given(PROMPTS, st.integers(1, 20), st.integers(0, 10))
def test_a_batch_answers_as_its_prompts_do_alone(
    prompts: list[list[int]], most: int, end: int
) -> None:
    together = answer(Adder(), prompts, most, end)
    for prompt, one in zip(prompts, together, strict=True):
        (alone,) = answer(Adder(), [prompt], most, end)
        assert (one.ids, one.finish) == (alone.ids, alone.finish)
        assert one.ids == list(stream_answer(Adder(), prompt, most, end))
        assert end not in one.ids
        full = min(most, 16 - len(prompt))
        assert len(one.ids) == full if one.finish == LENGTH else len(one.ids) < full


def test_an_answer_ends_at_the_end_token_and_the_batch_with_its_last_answer() -> None:
    # 1 -> 1 2 4 8 5 10 …; 3 -> 3 6 1 2 4 …
    one, other = answer(Adder(), [[1], [3]], 10, end=4)
    assert (one.ids, one.finish) == ([1, 2], STOP)
    assert (other.ids, other.finish) == ([3, 6, 1, 2], STOP)
    assert 0 < one.seconds < other.seconds


def test_the_context_is_a_limit_and_a_prompt_that_fills_it_an_error() -> None:
    assert len(answer(Adder(), [[1] * 15], 5, end=99)[0].ids) == 1
    with pytest.raises(ColdforgeError, match="prompt 4 has 16 tokens, the engine takes 16"):
        room(Adder(), 16, "prompt 4")
    with pytest.raises(ColdforgeError, match="the prompt is empty"):
        list(stream_answer(Adder(), [], 5, end=99))


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
