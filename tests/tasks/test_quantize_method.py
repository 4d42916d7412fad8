"""A quantisation method added by one file: its setting is a flag, a field of a sweep, and works."""

import sys
from pathlib import Path

import pytest
from invoke.program import Program

from coldforge.errors import ColdforgeError
from coldforge.experiments.survey.survey import choose_variants
from coldforge.experiments.sweep.matrix import read_matrix
from coldforge.quantize import methods
from coldforge.quantize.registry import settings_of
from coldforge.tasks import namespace
from coldforge.tasks._in_image import Inside
from tests.smallmodels import PLAIN, write_model

METHOD = '''
"""Round to the nearest of few or many values."""

from dataclasses import dataclass

from coldforge.checkpoint.formats.registry import find_format
from coldforge.quantize.blockwise.block import Block, Stored
from coldforge.quantize.blockwise.request import Request, Result
from coldforge.quantize.blockwise.run import each_layer, quantise_blocks
from coldforge.quantize.methods.method import Variant
from coldforge.quantize.methods.rtn import nearest
from coldforge.quantize.settings import setting


@dataclass(frozen=True)
class Settings:
    fineness: str = setting("few", "Values to round to", choices=("few", "many"))
    ratio: float | None = setting(
        None, "Share", valid=lambda share: share < 1, hint="choose less than 1"
    )
    keep_signs: bool = setting(False, "Signs stay")


class Stepwise:
    name = "step-wise"
    summary = "few values or many"
    calibrated = False
    settings = Settings
    variants = (Variant("step-wise-many", "step-wise", {"fineness": "many"}),)

    def quantise(self, request: Request) -> Result:
        bits = {"few": 4, "many": 8}[request.settings["fineness"]]

        def one(block: Block, layer: str) -> Stored:
            return Stored(nearest(block.weight(layer), bits, -1, True))

        return quantise_blocks(request, each_layer(one), find_format("gptq"))


METHOD = Stepwise()
'''


@pytest.fixture(autouse=True)
def _added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the method's file beside the others'."""
    folder = tmp_path / "added"
    folder.mkdir()
    (folder / "step_wise.py").write_text(METHOD, "utf-8")
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(folder)])
    name = f"{methods.__name__}.step_wise"
    monkeypatch.setitem(sys.modules, name, sys)  # so that both are as before at the end
    monkeypatch.setattr(methods, "step_wise", None, raising=False)
    del sys.modules[name]


def invoke(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["invoke", *words])
    Program(namespace=namespace).run(["invoke", *words], exit=False)


def test_help_names_it_and_describes_its_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        invoke(monkeypatch, "--help", "quantize")
        shown = " ".join(capsys.readouterr().out.split())
        assert "qat, rtn, step-wise, w8a8." in shown
        assert "--fineness=STRING" in shown
        assert "step-wise: values to round to: few or many. Default few." in shown
        assert "step-wise: share." in shown
        assert "--keep-signs step-wise: signs stay." in shown
        assert "--bits=INT Width of a weight: 8, 4 or 3. Default 4." in shown


def test_methods_are_not_looked_for_by_other_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    invoke(monkeypatch, "--help", "survey")
    assert f"{methods.__name__}.step_wise" not in sys.modules


def test_its_flags_go_into_the_image(
    handed: list[Inside], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, out = tmp_path / "model", tmp_path / "out"
    own = ["--fineness=many", "--ratio=0", "--keep-signs"]
    with pytest.raises(SystemExit):  # no image starts, so nothing is made
        invoke(
            monkeypatch,
            *("quantize", f"--model={model}", f"--out={out}", "--method=step-wise", *own),
        )
    (work,) = handed
    assert work.task == "quantize"
    assert {*own, "--method=step-wise", f"--model={model}"} <= set(work.flags)
    assert not [flag for flag in work.flags if flag.startswith(("--bits", "--asym", "--alpha"))]


def test_a_sweep_takes_its_fields_and_refuses_wrong_ones(tmp_path: Path) -> None:
    write_model(tmp_path / "one", PLAIN)
    path = tmp_path / "matrix.toml"

    def read(fields: str) -> object:
        text = f'models = ["one"]\nmethods = [{{method = "step-wise", {fields}}}]\n'
        path.write_text(text, "utf-8")
        (item,) = read_matrix(path).variants
        return item.name, item.asked

    assert read('fineness = "many", ratio = 0') == (
        "step-wise-many-ratio0.0",
        {"fineness": "many", "ratio": 0.0},
    )
    for fields, message in (
        ('fineness = "some"', "step-wise does not take --fineness some"),
        ("fineness = 8", "Expected `str | null`, got `int`"),
        ("ratio = 2", "step-wise does not take --ratio 2"),
        ("bits = 8", "--bits is not for step-wise"),
    ):
        with pytest.raises(ColdforgeError, match=message):
            read(fields)


def test_a_survey_includes_its_variants() -> None:
    assert [item.name for item in choose_variants("step-wise")] == ["step-wise-many"]


def test_defaults_are_filled_in() -> None:
    filled = {"fineness": "few", "ratio": 0.5, "keep_signs": False}
    assert settings_of("step-wise", {"ratio": 0.5}) == filled


@pytest.mark.model
def test_it_quantises_a_model(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tests.quantize.blockwise.rig import divergence, quantised, random_model

    checkpoint = random_model(tmp_path / "model", "llama", blocks=1)
    few, many = (
        divergence(checkpoint, quantised(checkpoint, tmp_path / how, "step-wise", fineness=how)[1])
        for how in ("few", "many")
    )
    assert 0 < 20 * many < few
