import json
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.files.output import CARD
from coldforge.report import sections
from coldforge.report.page.model import Page, Section, Table, read_page
from coldforge.report.render.html import html
from coldforge.report.render.markdown import markdown
from coldforge.report.report import compose, make_report
from coldforge.report.results.gather import gather
from tests.report.samples import (
    INT4,
    ORIGINAL,
    Result,
    bench,
    checked,
    compared,
    engine,
    evaluated,
    everything,
    original,
    predicted,
    programs,
    put,
    quantised,
    survey,
    sweep,
)

FAKE_SECTION = """
from coldforge.report.page.model import Section
from coldforge.report.sections import SectionMaker

def make(runs, models):
    return Section("fake", "Fake", f"{len(runs.results)} results")

SECTION = SectionMaker(order=25, make=make)
"""


def test_html_and_markdown_are_made_from_the_json_only(tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = make_report(everything(tmp_path / "runs"), out)
    assert made.page == str(out / "report.html")
    page = read_page((out / "report.json").read_bytes())
    assert json.loads((out / "report.json").read_text("utf-8")) == made.json
    assert html(page) == (out / "report.html").read_text("utf-8")
    assert markdown(page) == (out / "report.md").read_text("utf-8")


def test_the_same_results_give_the_same_bytes_in_any_folder(tmp_path: Path) -> None:
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


def paged(folder: Path, **results: Result) -> Page:
    return compose(gather(put(folder, **results)))


def section(page: Page, name: str) -> Section:
    return next(item for item in page.sections if item.id == name)


def ids(page: Page) -> list[str]:
    return [item.id for item in page.sections]


def tables(page: Page, name: str) -> dict[str, Table]:
    return {table.id: table for table in section(page, name).tables}


def test_sections_are_in_their_order(tmp_path: Path) -> None:
    assert ids(compose(gather(everything(tmp_path)))) == [
        "summary", "flow", "speed", "memory", "accuracy", "sensitivity", "variants", "loader",
        "missing", "provenance", "rebuild",
    ]  # fmt: skip


def test_a_module_adds_a_section_at_its_position(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "fake.py").write_text(FAKE_SECTION, "utf-8")
    monkeypatch.setattr(sections, "__path__", [*sections.__path__, str(folder)])
    page = compose(gather(everything(tmp_path / "runs")))
    assert ids(page)[1:4] == ["flow", "fake", "speed"]
    assert "11 results" in html(page)


def test_missing_results_have_no_section_and_are_listed_as_not_run(tmp_path: Path) -> None:
    page = paged(tmp_path, one=original())
    assert ids(page) == ["accuracy", "missing", "provenance"]
    assert page.line == "1 result"
    rows = tables(page, "missing")["missing"].rows
    assert [row["what"] for row in rows if row["why"] == "no result"] == [
        "speed and memory of engines", "HumanEval", "how TensorRT-LLM decodes the weights",
        "memory on a card",
    ]  # fmt: skip


def test_the_headline_is_bytes_speed_and_accuracy(tmp_path: Path) -> None:
    page = compose(gather(everything(tmp_path)))
    assert page.title == "llama → int4"
    assert page.line.startswith("On disk 11.7 MB → 6.2 MB (−47.1 %)")  # noqa: RUF001
    assert "2.31×" in page.line  # noqa: RUF001
    assert "perplexity 152.310 → 153.483 (+0.77 %)" in page.line
    assert "HumanEval pass@1 74.40 % → 73.80 %" in page.line


def test_int8_activations_without_an_evaluation_are_not_the_headline(tmp_path: Path) -> None:
    page = paged(tmp_path, q=quantised(), b=bench(), e=evaluated(), o=original())
    speed = section(page, "summary").figures[1]
    assert (speed.change, speed.after, speed.before) == (2.31, 231.0, 100.0)
    assert "int4 over fp32" in speed.note


def test_without_an_engine_the_time_per_token_is_pytorch_s(tmp_path: Path) -> None:
    page = paged(tmp_path, q=quantised(), c=compared())
    speed = section(page, "summary").figures[1]
    assert (speed.title, speed.before, speed.after) == ("Time per token", 0.004, 0.002)
    assert speed.change == pytest.approx(-0.5)


def test_the_flow_shows_what_was_measured_and_leaves_the_rest_empty(tmp_path: Path) -> None:
    bare = section(paged(tmp_path / "one", q=quantised()), "flow")
    assert [step.title for step in bare.steps] == [
        "Load", "Quantise", "Save", "Load", "Infer", "Result"
    ]  # fmt: skip
    assert [step.value for step in bare.steps] == [None, 10.8, 6_217_032, None, None, None]
    built = {"task": "engine.build", "backend": "onnxruntime", "checkpoint": INT4, "seconds": 2.0}
    full = section(paged(tmp_path / "two", q=quantised(), c=compared(), b=bench(), e=built), "flow")
    assert [step.value for step in full.steps] == [
        0.004, 10.8, 6_217_032, 2.0, 0.1, pytest.approx(0.010 / 2.31), 31,
    ]  # fmt: skip
    assert full.tables[0].rows[1]["token"] == 0.002


def test_the_grid_has_a_row_a_point_and_a_column_an_engine(tmp_path: Path) -> None:
    page = paged(tmp_path, b=bench())
    grid = tables(page, "speed")["speed-1"]
    assert [row["cell"] for row in grid.rows] == ["2,048 → 1,024", "128 → 128"]
    titles = [(column.group, column.title) for column in grid.columns[1:]]
    assert titles[:4] == [("Output tokens a second", name) for name in
                          ("fp32", "int8", "int4", "quick")]  # fmt: skip
    assert titles[4:] == [("Speed-up over fp32", name) for name in ("int8", "int4", "quick")]
    assert grid.rows[1]["speedup-2"] == 2.31
    (chart,) = section(page, "speed").charts
    assert chart.values == ["speedup-1", "speedup-2", "speedup-3"]
    assert tables(page, "speed")["ttft-1"].rows[1]["p99"] == pytest.approx(655 / 1.25 * 1.4)


def test_benches_of_one_engine_each_are_joined_if_measured_alike(tmp_path: Path) -> None:
    one, two = (bench(engine("int4", "int4", INT4, [None, None])) for _ in range(2))
    two["engines"][0]["disk_bytes"] = 1
    other = bench(engine("int4", "int4", INT4, [None, None]))
    other["protocol"]["threads"] = 8
    page = paged(tmp_path, **{"a-bench": one, "b-bench": two, "c": other})
    found = section(page, "speed")
    names = [[column.title for column in found.table(f"speed-{at}").columns[1:]] for at in (1, 2)]
    assert names == [["a", "b"], ["int4"]]
    assert "one after the other" in found.lead
    assert found.charts == []


def test_a_latency_that_was_not_taken_stays_empty(tmp_path: Path) -> None:
    found = bench()
    for item in found["engines"]:
        item["cells"][1]["tpot_ms"] = None
    page = paged(tmp_path, b=found)
    assert tables(page, "speed")["tpot-1"].rows[-1]["p50"] is None


def test_memory_is_shown_after_load_and_at_each_peak(tmp_path: Path) -> None:
    table = tables(paged(tmp_path, b=bench()), "memory")["memory-1"]
    assert [column.title for column in table.columns] == [
        "Engine", "On disk", "Time to load", "after load", "peak at 2,048 → 1,024",
        "peak at 128 → 128", "peak",
    ]  # fmt: skip
    assert table.rows[0]["host-0"] == 340_002_048


def test_predictions_say_which_card_they_fit(tmp_path: Path) -> None:
    page = paged(tmp_path, a=predicted(), b=predicted(64.0, precision="fp16"),
                 c=checked(memory=predicted(8.0)))  # fmt: skip
    found = tables(page, "memory")
    names = ["34b, int4", "34b, fp16", "00000000, int4"]
    assert [row["engine"] for row in found["predicted"].rows] == names
    assert "tensorrt-llm, batch 1, 2048 + 1024 tokens" in found["predicted"].caption
    first, *_, last = found["cards"].rows
    assert (first["card"], last["card"]) == ("A10", "A100 80 GB")
    assert float(first["free-0"] or 0) > 0 > float(first["free-1"] or 0)
    assert found["formulas"].rows[0]["of"] == "34b, int4, 34b, fp16, 00000000, int4"


def test_accuracy_is_sorted_by_bits_and_has_intervals(tmp_path: Path) -> None:
    page = paged(tmp_path, a=evaluated(), b=original(), h=programs())
    found = tables(page, "accuracy")
    assert [row["model"] for row in found["accuracy"].rows] == ["llama", "int4"]
    row = found["accuracy"].rows[1]
    assert (row["kl-low"], row["kl"], row["kl-high"]) == (0.00083, 0.00126, 0.00169)
    assert row["ratio"] == pytest.approx(0.0077)
    assert found["programs"].rows[1]["change"] == pytest.approx(-0.006)
    titles = [chart.values[0] for chart in section(page, "accuracy").charts]
    assert titles == ["kl", "ratio", "top1", "share"]


def test_one_window_alone_has_no_interval(tmp_path: Path) -> None:
    page = paged(tmp_path, a=evaluated(perplexity_interval=None))
    assert "ppl-low" not in tables(page, "accuracy")["accuracy"].rows[0]


def test_layers_are_sorted_by_sensitivity(tmp_path: Path) -> None:
    table = tables(compose(gather(everything(tmp_path))), "sensitivity")["sensitivity-1"]
    assert [(row["block"], row["part"]) for row in table.rows] == [
        ("0", "mlp.down_proj"), ("1", "mlp.down_proj"), ("0", "self_attn.q_proj"),
        ("1", "self_attn.q_proj"),
    ]  # fmt: skip
    assert table.folded


def test_the_loader_check_counts_layers_and_lists_the_wrong_ones(tmp_path: Path) -> None:
    page = paged(tmp_path, q=quantised(), c=checked())
    found = tables(page, "loader")
    (row,) = found["loader"].rows
    assert (row["checkpoint"], row["layers"], row["exact"]) == ("q", 2, 1)
    assert row["found"] == "1 off by one zero step"
    assert [item["layer"] for item in found["wrong"].rows] == ["model.layers.0.mlp.down_proj"]


def test_a_check_without_weights_says_so_and_is_not_run(tmp_path: Path) -> None:
    page = paged(tmp_path, c=checked(layers="skipped: no weights", memory=predicted()))
    assert tables(page, "loader")["loader"].rows[0]["verdict"] == "skipped: no weights"
    whys = [row["why"] for row in tables(page, "missing")["missing"].rows]
    assert "skipped: no weights" in whys


def test_surveys_and_sweeps_show_what_they_made_and_what_failed(tmp_path: Path) -> None:
    page = paged(tmp_path, s=survey(), w=sweep())
    found = tables(page, "variants")
    assert [row["status"] for row in found["survey-1"].rows] == [None, "skipped"]
    done, lost = found["sweep-1"].rows
    assert (done["kl"], done["rate"], done["status"]) == (0.00126, 100.0, None)
    assert (lost["kl"], lost["status"]) == (None, "failed at quantize")
    rows = tables(page, "missing")["missing"].rows
    result = {(row["what"], row["why"]) for row in rows}
    assert ("w8a8-static", "skipped: no such layer") in result
    assert ("llama-awq", "failed at quantize: no room") in result
    assert ("nvml", "skipped: no driver") in result


def test_numbers_that_are_not_finite_are_listed_as_not_run(tmp_path: Path) -> None:
    found = survey()
    found["models"][0]["ways"][0]["kl"]["value"] = float("nan")
    rows = tables(paged(tmp_path, s=found), "missing")["missing"].rows
    assert rows[0]["what"] == "models[0].ways[0].kl.value"
    assert rows[0]["why"] == "not a finite number"


def test_provenance_names_every_digest(tmp_path: Path) -> None:
    found = tables(compose(gather(everything(tmp_path))), "provenance")
    assert found["images"].rows == [{"image": "sha256:" + "a" * 64, "tasks": "quantize"}]
    models = {row["digest"]: row for row in found["checkpoints"].rows}
    assert models[INT4]["original"] == models[ORIGINAL]["model"] == "llama"
    assert models[INT4]["how"] == "gptq, 4 bits, groups of 128"
    assert len(found["engines"].rows) == 4
    assert found["calibrations"].rows[0]["samples"] == 8
    versions = {(row["library"], row["version"]) for row in found["versions"].rows}
    assert versions == {("torch", "2.13.0+cpu"), ("onnxruntime", "1.31.0")}


def test_commands_of_a_dry_run_are_shown_as_not_run(tmp_path: Path) -> None:
    dry = {
        "task": "engine.build", "dry_run": True, "backend": "tensorrt-llm", "release": "0.5.0",
        "commit": "f" * 40, "precision": "int4", "text": ["python build.py", "second"],
    }  # fmt: skip
    page = paged(tmp_path, q=quantised(), d=dry)
    (command,) = [item for item in section(page, "rebuild").commands if "not run" in item.title]
    assert command.text == "python build.py\nsecond"
    assert "Build" not in [step.title for step in section(page, "flow").steps]


def test_models_with_the_same_name_are_distinguished_by_digest(tmp_path: Path) -> None:
    page = paged(tmp_path, a=evaluated(model="/a/int4"), b=evaluated("f" * 64, "/b/int4"))
    names = [row["model"] for row in tables(page, "accuracy")["accuracy"].rows]
    assert names == ["int4 00000000", "int4 ffffffff"]
