from pathlib import Path

import pytest

from coldforge.engine.commands.run import run_generate
from coldforge.errors import ColdforgeError
from coldforge.model import generate as model

pytestmark = pytest.mark.model


def test_an_engine_says_what_its_model_says_and_streams_the_same(
    int4_engine: Path, int4: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run_generate(str(int4_engine), "def read(", 6, stream=True)
    assert capsys.readouterr().out == "def read(" + found["text"]
    assert found["text"] == model.run_generate(str(int4), "def read(", 6)["text"]


def test_what_cannot_be_continued_is_refused(int4_engine: Path) -> None:
    for prompt, most, said in (
        ("", 5, "the prompt is empty"),
        ("x = 1\n" * 600, 5, "the engine takes 512"),
        ("x", 0, "no new tokens"),
    ):
        with pytest.raises(ColdforgeError, match=said):
            run_generate(str(int4_engine), prompt, most)
