from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from coldforge.tasks.engine_check import check, table


def layer(name: str, verdict: str, why: str = "", share: float = 0.0) -> dict[str, Any]:
    return {
        "name": name, "verdict": verdict, "why": why, "share_wrong": share, "largest_error": 0.0,
    }  # fmt: skip


def found(*layers: dict[str, Any], **more: Any) -> dict[str, Any]:
    memory = {"skipped": "no reason"}
    return {
        "model": "m", "release": "0.5.0", "tp": 1, "verdict": "exact", "layers": list(layers),
        "fixes": [], "memory": memory, "loader": "a model of it", **more,
    }  # fmt: skip


def test_layers_that_fare_alike_share_a_paragraph() -> None:
    why = "looks for model.layers.{}.x, which is not there"
    said = table(
        found(
            layer("model.layers.0.a", "exact"),
            layer("model.layers.1.a", "exact"),
            layer("model.layers.0.b", "wrong groups", why.format(0), 0.25),
            layer("model.layers.1.b", "wrong groups", why.format(1), 0.5),
            verdict="wrong groups",
            tp=2,
            fixes=["take another --tp"],
        )
    ).splitlines()
    assert said[0] == "m in TensorRT-LLM 0.5.0, 2 cards: wrong groups"
    assert said[1] == "    2 exact"
    assert said[2].startswith("    2 wrong groups, 25.0 to 50.0 % of their weights: looks for")
    assert said[3] == "      model.layers.*.b"
    assert said[4] == "to do: take another --tp"
    assert said[5] == "memory: skipped: no reason"


def test_what_was_not_looked_at_is_not_called_exact() -> None:
    said = table(found(verdict="skipped", loader="skipped: no weights in D"))
    assert "loader: skipped: no weights in D" in said
    assert "exact" not in said


def test_memory_stands_card_by_card() -> None:
    cards = [
        {"name": "A10", "usable_bytes": 24_000_000_000, "fits": True, "free_bytes": 1},
        {"name": "L4", "usable_bytes": 10, "fits": False, "free_bytes": -1},
    ]
    memory = {
        "total_bytes": 19_000_000_000, "max_batch_size": 1, "max_input_len": 2048,
        "max_output_len": 1024, "cards": cards,
    }  # fmt: skip
    said = table(found(layer("a", "exact"), memory=memory))
    assert "19.0 GB a card, 1 x (2048 in + 1024 out)" in said
    assert "A10             fits in 24.0 GB" in said
    assert "L4              does not fit" in said


def test_a_verdict_that_is_not_sound_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = found(layer("a", "would crash", "no", 1.0), verdict="would crash")
    monkeypatch.setenv("COLDFORGE_IN_IMAGE", "1")
    monkeypatch.setattr("coldforge.engine.commands.check.run_check", lambda *_, **__: wrong)
    with pytest.raises(SystemExit) as caught:
        check(Context(), str(tmp_path), "0.5.0")
    assert caught.value.code == 1
    assert "would crash: no" in capsys.readouterr().out
