import json
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.quantize.calibration.questions import read_questions, seeds


def test_a_text_file_holds_a_question_a_line_and_each_once(tmp_path: Path) -> None:
    (tmp_path / "asked.txt").write_text("Why?\n\n  \nHow?\nWhy?\n", "utf-8")
    found = read_questions(tmp_path / "asked.txt")
    assert found.texts == ("Why?", "How?")
    assert (found.name, found.inventing) == ("asked.txt", False)


def test_json_lines_hold_questions_prompts_or_instructions(tmp_path: Path) -> None:
    items = [{"question": "a\nb"}, {"prompt": "c\u2028d", "x": 1}, {"instruction": "e"}]
    lines = [json.dumps(item, ensure_ascii=False) for item in items]
    (tmp_path / "asked.jsonl").write_text("\n".join([*lines, "", ""]), "utf-8")
    assert read_questions(tmp_path / "asked.jsonl").texts == ("a\nb", "c\u2028d", "e")


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"question": 3}', '"Why?"'])
def test_a_json_line_without_a_question_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "asked.jsonl").write_text(f'{{"prompt": "a"}}\n{line}\n', "utf-8")
    with pytest.raises(ColdforgeError, match=r"line 2 of .* has no question"):
        read_questions(tmp_path / "asked.jsonl")


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "asked.txt").write_bytes(content)
    with pytest.raises(ColdforgeError, match="has no question"):
        read_questions(tmp_path / "asked.txt")


def test_a_missing_file_a_folder_and_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe")
    for name, said in (
        ("none", "is not a file"),
        (".", "is not a file"),
        ("bytes.txt", "not UTF-8"),
    ):
        with pytest.raises(ColdforgeError, match=said):
            read_questions(tmp_path / name)


def test_the_seeds_are_different_and_code() -> None:
    texts = seeds().texts
    assert len(set(texts)) == len(texts) >= 10
    assert seeds().inventing
