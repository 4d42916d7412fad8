import json
import shlex
from pathlib import Path

import pytest
from invoke.context import Context
from invoke.parser import Parser

from coldforge.report.report import compose
from coldforge.report.results.gather import gather
from coldforge.tasks import collect
from coldforge.tasks.report import report
from tests.report.samples import ORIGINAL, engine, everything, put, quantised


def test_the_line_and_the_page_s_path_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    report.body(Context(), str(everything(tmp_path / "runs")), str(out))
    title, line, count, path = capsys.readouterr().out.splitlines()
    assert title == "llama → int4"
    assert line.startswith("On disk 11.7 MB → 6.2 MB")
    assert count == "11 results, 0 other files"
    assert path == str(out / "report.html")


def test_the_json_is_that_of_report_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    report.body(Context(), str(everything(tmp_path / "runs")), str(out), json=True)
    said = json.loads(capsys.readouterr().out)
    assert said.pop("page") == str(out / "report.html")
    assert said == json.loads((out / "report.json").read_text("utf-8"))


def test_bad_input_is_refused_with_a_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        report.body(Context(), str(tmp_path / "none"), str(tmp_path / "out"))
    assert [line[:7] for line in capsys.readouterr().err.splitlines()] == ["error: ", " hint: "]


def test_the_commands_to_rebuild_can_be_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLDFORGE_IN_IMAGE", raising=False)
    settings = {"activations": "int8", "max_batch_size": 1, "int8_kv_cache": False, "kv_cache": ""}
    built = {"task": "engine.build", **engine("my engine", "int4", ORIGINAL, [None, None]),
             "settings": settings, "release": "0.5.0"}  # fmt: skip
    drawn = {"way": "self-generated", "samples": 8, "length": 512, "digest": "b" * 64}
    more = {"alpha": 0.5, "act_order": False, "sym": True, "max_kl": None}
    own = quantised("9" * 64, calibration=drawn, parameters={"bits": 3, **more})
    folder = everything(put(tmp_path, **{"engine.build-x": built, "own": own}))
    page = compose(gather(folder))
    commands = {
        item.title: item.text
        for section in page.sections
        if section.id == "rebuild"
        for item in section.commands
    }
    parser = Parser(contexts=collect().to_contexts())
    for command in commands.values():
        _, *words = shlex.split(command)
        assert parser.parse_argv(words)[-1].name == words[0]
    assert commands["Quantise int4"] == (
        "./invokew quantize --model llama --method gptq --bits 4 --group-size 128 --asym "
        "--act-order --dtype float32 --device cpu --samples 8 --length 512 --seed 3 --out int4"
    )
    assert "--calibration calibration.json" in commands["Quantise own"]
    assert "--text book.txt" in commands["Evaluate int4"]
    assert "--out 'x'" in commands["Build x"] or "--out x" in commands["Build x"]
