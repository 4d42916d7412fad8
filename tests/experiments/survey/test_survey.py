import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.experiments.survey import model_run, survey
from coldforge.experiments.survey.survey import name_models, run_survey
from coldforge.files.output import read_card
from coldforge.quantize.methods.method import Variant

pytest.importorskip("torch")
pytestmark = pytest.mark.model

OPTIONS: dict[str, Any] = {"methods": "rtn-4,gptq-4", "samples": 2, "limit": 2}


@pytest.fixture(scope="module")
def done(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    place = tmp_path_factory.mktemp("survey") / "out"
    return place, run_survey([str(demo)], str(place), **OPTIONS)


def test_every_way_is_a_checkpoint_with_its_cost(done: tuple[Path, dict[str, Any]]) -> None:
    place, result = done
    gptq, rtn = result["models"][0]["ways"]
    assert (gptq["way"], rtn["way"]) == ("gptq-4", "rtn-4")
    for way in (gptq, rtn):
        card = read_card(place / "model" / way["way"])
        assert card["digest"] == way["digest"]
        assert 4 < way["bits_per_weight"] < 4.5
        assert way["kl"]["low"] < way["kl"]["value"] < way["kl"]["high"]
        assert way["kl"]["value"] > 0
        assert way["peak_rss_bytes"] > 1 << 26
    assert result["failed"] == []
    assert json.loads((place / "survey.json").read_text("utf-8")) == result
    assert not list((place / "model").glob(".logits*"))


def test_what_an_earlier_run_did_is_not_done_again(
    done: tuple[Path, dict[str, Any]], demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[str] = []

    def watched(work: Any, *args: Any, **named: Any) -> Any:
        worked.append(work.__name__)
        return real(work, *args, **named)

    real = model_run.run_in_subprocess
    monkeypatch.setattr(model_run, "run_in_subprocess", watched)
    place, before = done
    again = run_survey([str(demo)], str(place), **OPTIONS)
    assert worked == []
    assert again["models"] == before["models"]
    run_survey([str(demo)], str(place), methods="rtn-4", samples=2, limit=1)
    assert worked == ["evaluate_original", "evaluate_variant"]


def test_a_way_that_cannot_be_is_skipped_and_a_broken_one_stops_no_other(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = [
        Variant("odd", "rtn", {"group_size": 96}),
        Variant("strange", "nobody's"),
        Variant("fp16", "fp16"),
    ]
    monkeypatch.setattr(survey, "choose_variants", lambda text: variants)
    result = run_survey([str(demo)], str(tmp_path / "out"), limit=1)
    odd, strange, fp16 = result["models"][0]["ways"]
    assert odd["status"] == "skipped"
    assert odd["why"].startswith("group size 96 does not divide")
    assert strange["status"] == "failed"
    assert fp16["kl"]["value"] == 0
    assert result["failed"] == ["model strange"]


def test_a_demo_model_that_is_there_is_surveyed_as_it_is(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "KINDS", ("llama",))
    place = tmp_path / "out"
    place.mkdir()
    (place / "coldforge.json").write_text('{"kind": "survey"}', "utf-8")
    shutil.copytree(demo, place / "llama" / "original")
    result = run_survey([], str(place), demo=True, methods="fp16", limit=1, steps=3)
    assert result["models"][0]["name"] == "llama"
    assert result["models"][0]["original"]["digest"] == read_card(demo)["digest"]


def test_models_of_one_name_and_no_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="no model to survey"):
        name_models([], ())
    with pytest.raises(ColdforgeError, match="two models are named x"):
        name_models([str(tmp_path / "a" / "x"), str(tmp_path / "b" / "x")], ())
    assert list(name_models([str(tmp_path / "x"), str(tmp_path / "x")], ())) == ["x"]


def test_a_folder_of_something_else_is_left_alone(demo: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", "utf-8")
    with pytest.raises(ColdforgeError, match="was not made as a survey"):
        run_survey([str(demo)], str(tmp_path), **OPTIONS)
