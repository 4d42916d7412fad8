import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.engine.generate import parse, read_prompts
from coldforge.errors import ColdforgeError

PROMPTS = st.lists(st.text(min_size=1, max_size=20), max_size=5)


@given(PROMPTS, st.booleans())
def test_prompts_written_as_objects_come_back_as_they_were(asked: list[str], plain: bool) -> None:
    lines = [
        json.dumps({"prompt": item, "id": at}, ensure_ascii=plain) for at, item in enumerate(asked)
    ]
    assert parse("\n".join(lines), "it") == asked


@given(
    st.lists(st.text(min_size=1, alphabet=st.characters(exclude_characters="\n\r", codec="utf-8")))
)
def test_any_other_line_is_a_prompt_itself(lines: list[str]) -> None:
    kept = [f"say {line}" for line in lines]
    assert parse("\r\n\n".join(kept), "it") == kept


@pytest.mark.parametrize(
    "second", ['{"text": "x"}', '{"prompt": 5}', '{"prompt": ""}', "plain", "[1]"]
)
def test_a_line_unlike_the_first_is_named(second: str) -> None:
    with pytest.raises(ColdforgeError, match='it: line 3 is not a JSON object with a "prompt"'):
        parse('{"prompt": "a"}\n\n' + second, "it")


def test_code_that_looks_like_json_is_plain_text() -> None:
    assert parse("[1, 2]\n{\n5", "it") == ["[1, 2]", "{", "5"]


def test_stdin_is_read_and_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("é\nb".encode())))
    assert read_prompts("-") == ["é", "b"]
    (tmp_path / "empty").write_text("\n \n", "utf-8")
    (tmp_path / "latin").write_bytes(b"\xe9")
    for name, said in (("empty", "empty is empty"), ("latin", "not UTF-8"), ("none", "No such")):
        with pytest.raises(ColdforgeError, match=said):
            read_prompts(str(tmp_path / name))
