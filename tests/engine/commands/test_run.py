import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coldforge.engine.commands import run as verb
from coldforge.engine.commands.run import run_run
from coldforge.errors import ColdforgeError
from tests.engine.rig import Adder, Letters, folder

PROMPTS = ["ab", "c", "bb", "abc", "d", "cc", "j", "aab", "b", "ca"]


class Dying(Adder):
    """Is stopped at its third batch."""

    def follow(self, prompts: list[list[int]], count: int) -> Iterator[list[int]]:
        if len(self.calls) == 2:
            raise KeyboardInterrupt
        return super().follow(prompts, count)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(verb, "load_runner", lambda engine, threads: Adder())
    monkeypatch.setattr(verb, "ModelTokens", lambda place: Letters())
    (tmp_path / "prompts.txt").write_text("\n".join(PROMPTS), "utf-8")
    return str(folder(tmp_path / "engine"))


def answers(place: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in place.read_text("utf-8").splitlines()]
    return [{name: item for name, item in line.items() if name != "seconds"} for line in lines]


def run(engine: str, out: Path, **options: Any) -> dict[str, Any]:
    return run_run(engine, str(out.parent / "prompts.txt"), str(out), **options)


def test_every_prompt_is_answered_in_its_place(engine: str, tmp_path: Path) -> None:
    found = run(engine, tmp_path / "out.jsonl", max_new_tokens=4)
    lines = answers(tmp_path / "out.jsonl")
    assert [line["prompt"] for line in lines] == PROMPTS
    assert [line["index"] for line in lines] == [*range(len(PROMPTS))]
    # c = 2 -> 2 4 8 5, where none is 7
    assert (lines[1]["text"], lines[1]["tokens"], lines[1]["finish"]) == ("ceif", 4, "length")
    # j = 9 -> 9 7
    assert (lines[6]["text"], lines[6]["tokens"], lines[6]["finish"]) == ("j", 1, "stop")
    assert (found["written"], found["kept"]) == (len(PROMPTS), 0)
    assert found["new_tokens"] == sum(line["tokens"] for line in lines)


@pytest.mark.parametrize("size", [2, 3, 8])
def test_batches_answer_as_one_at_a_time_does(engine: str, tmp_path: Path, size: int) -> None:
    run(engine, tmp_path / "one.jsonl", max_new_tokens=9)
    run(engine, tmp_path / "many.jsonl", max_new_tokens=9, batch_size=size)
    assert answers(tmp_path / "one.jsonl") == answers(tmp_path / "many.jsonl")


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("torn", ["", '{"index": 9, "pro'])
def test_a_killed_run_goes_on_where_it_was(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, torn: str
) -> None:
    run(engine, tmp_path / "whole.jsonl")
    out = tmp_path / "out.jsonl"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(verb, "load_runner", lambda engine, threads: Dying())
        run(engine, out, batch_size=size)
    with out.open("a", encoding="utf-8") as stream:
        stream.write(torn)
    found = run(engine, out, batch_size=size)
    assert found["kept"] > 0
    assert found["kept"] + found["written"] == len(PROMPTS)
    assert answers(out) == answers(tmp_path / "whole.jsonl")
    before = out.read_bytes()
    assert run(engine, out)["written"] == 0
    assert out.read_bytes() == before


def test_answers_to_something_else_are_not_continued(engine: str, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    run(engine, out, max_new_tokens=4)
    before = out.read_bytes()
    with pytest.raises(ColdforgeError, match="line 1 answers another prompt, engine or length"):
        run(engine, out, max_new_tokens=5)
    (tmp_path / "prompts.txt").write_text("\n".join(PROMPTS[:3]), "utf-8")
    with pytest.raises(ColdforgeError, match="line 4 answers another prompt"):
        run(engine, out, max_new_tokens=4)
    assert out.read_bytes() == before


def test_a_prompt_that_fills_the_context_is_named_before_anything_is_written(
    engine: str, tmp_path: Path
) -> None:
    (tmp_path / "prompts.txt").write_text("a\n" + "b" * 16, "utf-8")
    with pytest.raises(ColdforgeError, match="prompt 2 has 16 tokens, the engine takes 16"):
        run(engine, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
    with pytest.raises(ColdforgeError, match="nothing to do"):
        run(engine, tmp_path / "out.jsonl", batch_size=0)


def test_stdout_gets_the_lines_alone(
    engine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_run(engine, str(tmp_path / "prompts.txt"), "-", max_new_tokens=2)
    printed = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["prompt"] for line in printed] == PROMPTS


@pytest.mark.model
def test_a_real_engine_answers_as_its_model_does(
    int4_engine: Path, int4: Path, tmp_path: Path
) -> None:
    from coldforge.model.generate import run_generate

    (tmp_path / "prompts.txt").write_text('{"prompt": "import os"}\n', "utf-8")
    run(str(int4_engine), tmp_path / "out.jsonl", max_new_tokens=5, threads=1)
    (line,) = answers(tmp_path / "out.jsonl")
    assert line["text"] == run_generate(str(int4), "import os", max_new_tokens=5)["text"]
