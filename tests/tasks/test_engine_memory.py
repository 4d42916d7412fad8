import json
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from coldforge.tasks.engine_memory import memory

CONFIG: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 8192, "intermediate_size": 22016,
    "num_hidden_layers": 48, "num_attention_heads": 64, "num_key_value_heads": 8,
    "vocab_size": 32016, "max_position_embeddings": 16384,
}  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> str:
    place = tmp_path / "codellama-34b"
    place.mkdir()
    (place / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    return str(place)


def test_it_says_what_fits_where_and_that_nothing_was_measured(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    memory(Context(), model, bits=4)
    said = capsys.readouterr().out
    assert "codellama-34b, int4, tensorrt-llm: 1 x (2048 in + 1024 out)" in said
    assert "predicted, not measured" in said
    assert "A10           fits          20.72 of 22.49 GiB" in said
    assert "Source: tensorrt_llm/runtime/generation.py" in said


def test_a_card_it_does_not_fit_ends_with_1(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        memory(Context(), model, card="A10", json=True)
    assert caught.value.code == 1
    found = json.loads(capsys.readouterr().out)
    assert found["cards"][0]["fits"] is False
    assert found["cards"][0]["free_bytes"] < 0


def test_an_unknown_card_is_two_lines(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        memory(Context(), model, card="GTX")
    assert caught.value.code == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "error: unknown card 'GTX'"
    assert len(said) == 2
