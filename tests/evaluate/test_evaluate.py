import json
import shutil
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.evaluate.evaluate import measures, run_evaluate

pytestmark = pytest.mark.model


def test_original_and_quantised_are_judged_by_one_protocol(demo: Path, int4: Path) -> None:
    before = run_evaluate(str(demo), limit=2)
    after = run_evaluate(str(int4), reference=str(demo), limit=2)
    against = after["reference"]
    assert before["protocol"] == after["protocol"]
    assert after["protocol"]["tokens"] == 2 * 511
    assert after["perplexity"] == pytest.approx(before["perplexity"], rel=0.05)
    assert against["perplexity"] == before["perplexity"]
    assert against["perplexity_ratio"] == pytest.approx(after["perplexity"] / before["perplexity"])
    assert 0 <= against["kl"] < 0.1
    assert 0.1 < against["top1_agreement"] <= 1
    for name in ("kl", "top1_agreement", "perplexity_ratio"):
        low, high = against[f"{name}_interval"]
        assert low <= against[name] <= high
    assert before["bits_per_weight"] == 16
    assert 4 < after["bits_per_weight"] < 5
    assert after["peak_rss_bytes"] > 100_000_000
    assert json.loads(json.dumps(after)) is not None
    grown = measures(after)["ppl"].change
    assert grown == pytest.approx(100 * (after["perplexity"] / before["perplexity"] - 1))


def test_given_text_is_judged_instead_and_one_window_has_no_interval(
    demo: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_text("to be or not to be\n" * 50)
    found = run_evaluate(str(demo), text=str(tmp_path / "text.txt"), window=64, limit=1)
    assert found["protocol"]["corpus"] == "text.txt"
    assert found["protocol"]["windows"] == 1
    assert found["perplexity_interval"] is None


def test_text_too_short_for_a_window_is_refused(demo: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("to be")
    with pytest.raises(ColdforgeError, match="a window needs 512"):
        run_evaluate(str(demo), text=str(tmp_path / "text.txt"))


def test_a_reference_with_another_tokenizer_is_refused(demo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(demo, other)
    words = json.loads((other / "tokenizer.json").read_text("utf-8"))
    words["model"]["merges"].pop()
    (other / "tokenizer.json").write_text(json.dumps(words), "utf-8")
    with pytest.raises(ColdforgeError, match="different tokenizers"):
        run_evaluate(str(demo), reference=str(other))


def test_a_window_of_one_token_and_a_missing_model_are_refused(demo: Path, tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="a window of 1 has nothing to predict"):
        run_evaluate(str(demo), window=1)
    with pytest.raises(ColdforgeError, match="no such model directory"):
        run_evaluate(str(tmp_path / "missing"))
