import json
from typing import Any

import pytest
from invoke.context import Context

from coldforge.engine.commands import compare as verb
from coldforge.tasks.engine_compare import compare, table

NUMBERS = {"max_abs": 2e-5, "mean_abs": 1e-6, "max_rel": 0.5, "top1_agreement": 1.0, "kl": 1e-12}
AWAY = {"prompt": 3, "at": 7, "torch": 1, "engine": 2, "gap": 0.25, "near_tie": False}
FOUND: dict[str, Any] = {
    "passed": True, "tolerance": 1e-4, "precision": "int4", "reference": "torch",
    "backends": [
        {"name": "ONNX Runtime", "within": True, **NUMBERS},
        {"name": "TensorRT", "skipped": "TensorRT's libraries are not here"},
    ],
    "greedy": {
        "prompts": 16, "tokens": 64, "identical": 15, "near_ties": 1, "gated": True,
        "agrees": True, "differences": [{**AWAY, "near_tie": True, "gap": 1e-5}],
    },
    "protocol": {
        "prompts": 16, "lengths": [2, 64], "dtype": "float32", "corpus": "text",
        "corpus_digest": "c" * 64, "tokenizer": "t" * 64,
    },
}  # fmt: skip


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What comparing finds in the image; tests change it."""
    monkeypatch.setenv("COLDFORGE_IN_IMAGE", "1")
    said: dict[str, Any] = json.loads(json.dumps(FOUND))
    monkeypatch.setattr(verb, "run_compare", lambda *_, **__: said)
    return said


def test_backends_stand_in_rows_and_what_was_not_run_says_so() -> None:
    lines = table(FOUND).splitlines()
    assert lines[1].split() == ["ONNX", "Runtime", "2e-05", "1e-06", "1", "1e-12"]
    assert lines[2] == f"{'TensorRT':<32}skipped: TensorRT's libraries are not here"
    assert "greedy: 15 of 16 prompts identical over 64 tokens, 1 more but for a near tie" in lines
    assert "passed: int4, tolerance 0.0001 of a logit, against torch" in lines


def test_what_passes_exits_with_0(
    found: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    compare(Context(), checkpoint="c", engine="e", json=True)
    said = capsys.readouterr()
    assert json.loads(said.out) == found
    assert not said.err


def test_what_fails_prints_the_result_says_why_and_exits_with_1(
    found: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    found["passed"] = False
    found["backends"][0] |= {"within": False, "max_abs": 0.002}
    found["greedy"]["differences"].append(AWAY)
    found["greedy"]["agrees"] = False
    with pytest.raises(SystemExit) as ended:
        compare(Context(), checkpoint="c", engine="e")
    said = capsys.readouterr()
    assert ended.value.code == 1
    assert "failed: int4" in said.out
    assert said.err.splitlines() == [
        "a logit is 0.002 off; the tolerance is 0.0001",
        "prompt 3 goes another way after 7 tokens, where torch prefers its own by 0.25",
    ]


def test_a_logit_that_is_no_number_is_said(
    found: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    found["passed"] = False
    found["backends"][0] |= {"within": False, "max_abs": None}
    with pytest.raises(SystemExit):
        compare(Context(), checkpoint="c", engine="e")
    assert capsys.readouterr().err == "a logit is not a number; the tolerance is 0.0001\n"


@pytest.mark.parametrize("text", ["tight", "0", "-1", "inf", "nan"])
def test_a_tolerance_that_bounds_nothing_is_refused(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        compare(Context(), checkpoint="c", engine="e", tolerance=text)
    assert f"--tolerance {text} is not a positive number" in capsys.readouterr().err
