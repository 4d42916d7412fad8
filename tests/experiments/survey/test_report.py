import json
from pathlib import Path
from typing import Any

import pytest

from coldforge.experiments.survey.report import HEAD, brief, chart, markdown, table, write_report

MADE = {
    "way": "gptq-4",
    "status": "made",
    "kind": "weights rounded",
    "disk_bytes": 6_200_000,
    "linear_bytes": 2_000_000,
    "bits_per_weight": 4.249,
    "seconds": 30.94,
    "peak_rss_bytes": 812_000_000,
    "perplexity": {"value": 123456.789, "low": 1.0, "high": 2.0},
    "kl": {"value": 0.00149, "low": 0.00137, "high": 0.00161},
    "top1_agreement": {"value": 0.97123, "low": 0.968, "high": 0.974},
}
ORIGINAL = {
    "model_type": "llama",
    "disk_bytes": 11_700_000,
    "linear_bytes": 7_500_000,
    "perplexity": {"value": 119.9, "low": 110.0, "high": 130.0},
    "protocol": {
        "windows": 8, "window": 512, "stride": 512, "tokens": 4088, "dtype": "float32",
        "corpus": "stdlib", "interval": "95 %",
    },
}  # fmt: skip


@pytest.fixture
def result() -> dict[str, Any]:
    skipped = {"way": "gptq-4-pruned", "status": "skipped", "why": "2:4 needs " + "x" * 200}
    alone = {**MADE, "way": "rtn-4", "kl": {"value": 0.004, "low": None, "high": None}}
    ways = [MADE, alone, skipped]
    return {"models": [{"name": "demo", "original": ORIGINAL, "ways": ways}], "failed": []}


def test_the_table_fits_a_terminal_of_120_columns(result: dict[str, Any]) -> None:
    lines = table(result).splitlines()
    assert max(map(len, lines)) <= 120
    assert lines[0].startswith("demo: llama, 11.7 MB on disk")
    assert len(lines[1]) == len(lines[2])


def test_a_row_says_value_and_interval(result: dict[str, Any]) -> None:
    row = next(line for line in table(result).splitlines() if line.startswith("gptq-4 "))
    for cell in ("6.2 MB", "4.249", "123,456.79", "0.001490 ± 0.000120", "0.9712 ± 0.0030", "30.9"):
        assert f" {cell}" in row


def test_what_has_no_interval_is_written_without(result: dict[str, Any]) -> None:
    row = next(line for line in table(result).splitlines() if line.startswith("rtn-4 "))
    assert "0.004000" in row
    assert "0.004000 ±" not in row


def test_a_way_that_was_not_made_says_why(result: dict[str, Any]) -> None:
    assert "gptq-4-pruned  skipped: 2:4 needs" in table(result)
    assert "| gptq-4-pruned | skipped: 2:4 needs" in markdown(result)
    assert brief(result["models"][0]["ways"][2]).startswith("skipped: 2:4")


def test_every_row_of_markdown_has_all_cells(result: dict[str, Any]) -> None:
    rows = [line for line in markdown(result).splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {len(HEAD) + 1}


def test_the_protocol_is_said_once_for_models_that_share_it(result: dict[str, Any]) -> None:
    result["models"] *= 2
    assert table(result).count("Evaluated on 8 windows") == 1


def test_the_chart_shows_what_was_made_and_can_be_drawn(result: dict[str, Any]) -> None:
    broken = {**MADE, "way": "nan", "kl": {"value": float("nan"), "low": None, "high": None}}
    result["models"][0]["ways"].append(broken)
    picture = chart(result["models"][0])
    assert ">gptq-4<" in picture
    assert ">nan<" not in picture
    assert "gptq-4-pruned" not in picture


def test_a_report_is_three_kinds_of_files(result: dict[str, Any], tmp_path: Path) -> None:
    write_report(tmp_path, result)
    assert json.loads((tmp_path / "survey.json").read_text("utf-8")) == result
    assert "![bits a weight against KL](demo/chart.svg)" in (tmp_path / "survey.md").read_text()
    assert (tmp_path / "demo" / "chart.svg").read_text().startswith("<svg")
