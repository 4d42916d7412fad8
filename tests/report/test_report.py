import json
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.model.output import CARD
from coldforge.report.html import html
from coldforge.report.markdown import markdown
from coldforge.report.page import read_page
from coldforge.report.report import make_report
from tests.report.samples import evaluated, everything, put


def test_the_readable_forms_are_made_of_the_json_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = make_report(everything(tmp_path / "runs"), out)
    assert made.page == str(out / "report.html")
    page = read_page((out / "report.json").read_bytes())
    assert json.loads((out / "report.json").read_text("utf-8")) == made.said
    assert html(page) == (out / "report.html").read_text("utf-8")
    assert markdown(page) == (out / "report.md").read_text("utf-8")


def test_the_same_results_give_the_same_bytes_wherever_they_lie(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_report(everything(tmp_path / name / "runs"), tmp_path / name / "out")
    for path in (tmp_path / "one" / "out").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / "out" / path.name).read_bytes()


def test_a_report_replaces_an_earlier_one_and_nothing_else(tmp_path: Path) -> None:
    runs, out = put(tmp_path / "runs", one=evaluated()), tmp_path / "out"
    make_report(runs, out)
    (out / "stale").touch()
    make_report(runs, out)
    assert sorted(path.name for path in out.iterdir()) == [
        CARD, "report.html", "report.json", "report.md"
    ]  # fmt: skip
    other = put(tmp_path / "mine", thing={})
    with pytest.raises(ColdforgeError, match="was not made as a report"):
        make_report(runs, other)


@pytest.mark.parametrize("place", [".", "runs", "runs/deep"])
def test_results_within_the_report_are_not_replaced_with_it(tmp_path: Path, place: str) -> None:
    runs = put(tmp_path / "out" / place, one=evaluated())
    with pytest.raises(ColdforgeError, match="which is replaced"):
        make_report(runs, tmp_path / "out")
    assert (runs / "one.json").is_file()


def test_without_results_an_earlier_report_stays(tmp_path: Path) -> None:
    runs, out = put(tmp_path / "runs", one=evaluated()), tmp_path / "out"
    make_report(runs, out)
    (runs / "one.json").unlink()
    with pytest.raises(ColdforgeError, match="no results"):
        make_report(runs, out)
    assert (out / "report.html").is_file()
