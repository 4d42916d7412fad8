"""What the libraries others use make of our checkpoints: the same tokens, or a reason."""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.quantize.thirdparty import Verdict, judge, verdicts

# GPTQModel leaves a temporary folder of its own to the collector.
pytestmark = pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")

BOTH = ["gptqmodel", "transformers"]
MADE = [
    ("rtn", {"bits": 3, "group_size": 64, "sym": False}, BOTH),
    ("awq", {"group_size": 64}, BOTH),
    ("w8a8", {"activations": "static"}, ["compressed-tensors", "transformers"]),
    ("w8a8", {"activations": "dynamic"}, ["compressed-tensors", "transformers"]),
    ("bf16", {}, ["transformers"]),
]


Make = Callable[..., Path]


@pytest.fixture
def quantised(demo: Path, text: str, tmp_path: Path) -> Make:
    """Quantise the demo model by a method with its own flags."""

    def make(method: str, **asked: Any) -> Path:
        from coldforge.quantize.quantize import run_quantize

        out, drawn = tmp_path / "made", {"calibration": text, "samples": 2, "length": 128}
        run_quantize(str(demo), str(out), method=method, asked=asked, **drawn)
        return out

    return make


def found(folder: Path) -> dict[str, Verdict]:
    """Judge without the remarks that the libraries make to themselves."""
    pytest.importorskip("gptqmodel")
    said = {verdict.loader: verdict for verdict in verdicts(folder)}
    gc.collect()  # here, where what it warns of is let pass
    return said


@pytest.mark.model
@pytest.mark.parametrize(("method", "asked", "loaders"), MADE)
def test_a_checkpoint_gives_others_the_tokens_it_gives_us(
    quantised: Make, method: str, asked: dict[str, Any], loaders: list[str]
) -> None:
    said = found(quantised(method, **asked))
    assert {name: verdict.said for name, verdict in said.items() if not verdict.equal} == {}
    assert sorted(said) == loaders


@pytest.mark.model
def test_gptq_gives_others_the_tokens_it_gives_us(int4: Path) -> None:
    said = found(int4)
    assert {name: verdict.said for name, verdict in said.items() if not verdict.equal} == {}
    assert sorted(said) == BOTH


@pytest.mark.model
def test_mixed_widths_are_read_by_gptqmodel_and_refused_by_transformers(quantised: Make) -> None:
    said = found(quantised("mixed", group_size=64, budget=0.4))
    assert said["gptqmodel"].equal, said["gptqmodel"].said
    assert said["transformers"].said.startswith("refused")


@pytest.mark.model
def test_nobody_else_is_asked_about_our_own_formats(quantised: Make) -> None:
    assert found(quantised("binary")) == {}


def test_the_same_tokens_are_equal() -> None:
    verdict = judge("them", lambda: [1, 2, 3], [1, 2, 3], [0.5, 0.25, 4.0])
    assert verdict.equal
    assert "0.2500" in verdict.said


def test_a_difference_is_told_with_its_place_and_how_near_it_was() -> None:
    verdict = judge("them", lambda: [1, 9, 3], [1, 2, 3], [0.5, 0.25, 4.0])
    assert verdict.differs
    assert verdict.same == 1
    assert "token 1" in verdict.said
    assert "0.2500" in verdict.said


@pytest.mark.parametrize("theirs", [[1, 2], [1, 2, 3, 4]])
def test_a_shorter_or_longer_answer_differs_where_the_shorter_ends(theirs: list[int]) -> None:
    verdict = judge("them", lambda: theirs, [1, 2, 3], [0.5, 0.25, 4.0])
    assert verdict.differs
    assert verdict.same == min(len(theirs), 3)


def test_a_loader_that_fails_has_refused_and_does_not_differ() -> None:
    def fails() -> list[int]:
        raise RuntimeError("too wide\nand more")

    verdict = judge("them", fails, [1], [0.5])
    assert verdict.said == "refused: RuntimeError: too wide"
    assert not verdict.differs
    assert not verdict.equal
