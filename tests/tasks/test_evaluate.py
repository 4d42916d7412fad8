import json
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from coldforge.evaluate import evaluate as verb
from coldforge.tasks import _humaneval
from coldforge.tasks.evaluate import evaluate, table

FOUND: dict[str, Any] = {
    "model": "int4", "perplexity": 6.06, "perplexity_interval": (5.5, 6.6),
    "bits_per_weight": 4.25, "disk_bytes": 1000, "peak_rss_bytes": 5000, "seconds": 1.0,
    "protocol": {
        "corpus": "text", "corpus_digest": "c" * 64, "dtype": "float32", "interval": "95 %",
        "stride": 512, "tokenizer": "t" * 64, "tokens": 1022, "window": 512, "windows": 2,
    },
    "reference": {
        "model": "fp16", "kl": 0.02, "kl_interval": (0.01, 0.03), "top1_agreement": 0.99,
        "top1_agreement_interval": (0.98, 1.0), "perplexity": 6.0, "perplexity_ratio": 1.01,
        "perplexity_ratio_interval": (1.0, 1.02),
    },
}  # fmt: skip
SOLVED: dict[str, Any] = {
    "samples": 1, "problems": 164, "pass@1": 0.70, "pass@1_interval": (0.6, 0.8),
    "reference": {"pass@1": 0.72},
}  # fmt: skip


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the image, where judging always finds FOUND."""
    monkeypatch.setenv("COLDFORGE_IN_IMAGE", "1")

    def found(*_: object) -> dict[str, Any]:
        return FOUND

    monkeypatch.setattr(verb, "run_evaluate", found)


@pytest.mark.usefixtures("inside")
def test_a_gate_that_holds_is_said_with_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(Context(), model="int4", reference="fp16", gate="ppl<+2%,top1>0.98")
    said = capsys.readouterr()
    assert "gate ppl<+2.0%: holds, measured 1 (0 to 2)" in said.out
    assert not said.err


@pytest.mark.usefixtures("inside")
def test_a_broken_gate_prints_the_result_names_each_condition_and_exits_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        evaluate(Context(), model="q", reference="o", gate="kl<0.01,ppl<6,top1>0.5", json=True)
    said = capsys.readouterr()
    assert ended.value.code == 1
    assert [item["holds"] for item in json.loads(said.out)["gate"]] == [False, False, True]
    assert said.err.splitlines() == [
        "gate kl<0.01: broken, measured 0.02 (0.01 to 0.03)",
        "gate ppl<6.0: broken, measured 6.06 (5.5 to 6.6)",
    ]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"gate": "speed>1"}, "unknown metric 'speed'"),
        ({"gate": "kl<0.01"}, "kl, which is not measured here"),
        ({"gate": "ppl<+1%"}, "needs an original"),
        ({"gate": "pass@1>-1%"}, "pass@1, which is not measured here"),
        ({"task": "mmlu"}, "unknown task 'mmlu'"),
    ],
)
def test_what_cannot_be_judged_is_refused_before_the_image_starts(
    flags: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        evaluate(Context(), model="int4", **flags)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"model": ""}, "nothing to evaluate"),
        ({"task": "humaneval"}, "no problems to solve"),
        ({"task": "humaneval", "problems": "missing.jsonl"}, "no such file: missing.jsonl"),
    ],
)
def test_what_is_missing_is_asked_for(
    flags: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        evaluate(Context(), **{"model": "int4", **flags})
    assert ended.value.code == 1
    assert said in capsys.readouterr().err


def test_programs_are_judged_on_the_host_and_gated_by_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, Any] = {}

    def found(**options: object) -> dict[str, Any]:
        asked.update(options)
        return SOLVED

    def said(_: object) -> str:
        return "as printed"

    monkeypatch.setattr(_humaneval, "run_humaneval", found)
    monkeypatch.setattr(_humaneval, "table", said)
    problems = tmp_path / "problems.jsonl"
    problems.write_text("")
    with pytest.raises(SystemExit) as ended:
        evaluate(
            Context(), model="q", reference="o", task="humaneval", problems=str(problems),
            gate="pass@1>-1%,pass@1>0.5",
        )  # fmt: skip
    told = capsys.readouterr()
    assert ended.value.code == 1
    assert asked["samples"] == 1
    assert told.out.splitlines()[0] == "as printed"
    assert told.err.splitlines() == ["gate pass@1>-1.0%: broken, measured -2"]


def test_the_table_names_protocol_and_intervals() -> None:
    text = table(FOUND)
    assert "0.020000  0.010000 to 0.030000" in text
    assert "2 windows of 512 tokens, stride 512, 1,022 tokens evaluated" in text
    assert "tokenizer tttttttttttt; intervals: 95 %" in text
