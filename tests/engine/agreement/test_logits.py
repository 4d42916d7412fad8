import copy
import sys
from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.engine.agreement.logits import DECODE, PREFILL, compare_logits, feeds, run
from coldforge.errors import ColdforgeError
from coldforge.model.families.dimensions import Dimensions, read_dimensions
from tests.engine.onnxruntime.graph.rig import decoder, exported

torch: Any = pytest.importorskip("torch")
pytest.importorskip("polygraphy")
pytestmark = pytest.mark.model
PROMPTS = [[5, 9, 2, 7] * 10, [3, 4]]
Model = tuple[Any, Dimensions]


def loaded(folder: Path) -> Model:
    from coldforge.model.loading.load import load_model

    return load_model(read_checkpoint(folder)), read_dimensions(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder that sees eight tokens back."""
    place = tmp_path_factory.mktemp("decoder")
    decoder(place / "model", "mistral", sliding_window=8)
    exported(place / "model", place / "engine")
    return place


def measured(runners: list[Any], model: Model, phase: str, tolerance: float = 1e-4) -> Any:
    (found,) = compare_logits(runners, feeds(phase, *model, PROMPTS), tolerance)
    return found


@pytest.mark.parametrize("family", ["llama", "mistral", "gpt2"])
def test_a_token_after_a_filled_cache_is_what_follows_the_whole_prompt(
    tmp_path: Path, family: str
) -> None:
    changes = {"sliding_window": 8} if family == "mistral" else {}
    model, size = loaded(decoder(tmp_path, family, **changes))
    with torch.inference_mode():
        wanted = model(torch.tensor(PROMPTS[:1])).logits[:, -1:]
    (prefill, _), (decode, _) = (list(feeds(it, model, size, PROMPTS)) for it in (PREFILL, DECODE))
    assert prefill["input_ids"].shape == (1, 39)
    assert decode["past_key_values.1.value"].shape == (1, size.kv_heads, 39, size.head_dim)
    assert decode["attention_mask"].shape == (1, 40)
    assert torch.allclose(run(model, size, decode)[0], wanted, atol=1e-5)


@pytest.mark.parametrize(("phase", "positions"), [(PREFILL, 40), (DECODE, 2)])
def test_onnx_runtime_agrees_with_torch_in_both_phases(
    folder: Path, phase: str, positions: int, capsys: pytest.CaptureFixture[str]
) -> None:
    from coldforge.engine.agreement.torch_runner import TorchRunner
    from coldforge.engine.onnxruntime.runner import logits_runner

    model = loaded(folder / "model")
    engine = logits_runner("engine", folder / "engine")
    found = measured([TorchRunner("torch", *model), engine], model, phase)
    assert found.within
    assert found.positions == positions
    assert 0 < found.max_abs < 1e-4
    assert found.top1 == 1
    assert not capsys.readouterr().out  # --json stands alone there


def test_a_single_logit_that_is_off_is_found(folder: Path) -> None:
    from coldforge.engine.agreement.torch_runner import TorchRunner

    model, size = loaded(folder / "model")
    other = copy.deepcopy(model)
    other.lm_head.register_forward_hook(lambda _, given, out: out + _at(out, 7, 0.5))
    pair = [TorchRunner("one", model, size), TorchRunner("two", other, size)]
    found = measured(pair, (model, size), PREFILL)
    assert found.max_abs == pytest.approx(0.5, abs=1e-5)
    assert found.mean_abs == pytest.approx(0.5 / size.vocab, rel=1e-3)
    assert not found.within
    assert measured(pair, (model, size), PREFILL, tolerance=0.6).within


def test_what_is_no_number_is_not_within_any_tolerance(folder: Path) -> None:
    from coldforge.engine.agreement.torch_runner import TorchRunner

    model, size = loaded(folder / "model")
    other = copy.deepcopy(model)
    other.lm_head.register_forward_hook(lambda _, given, out: out + _at(out, 7, torch.nan))
    pair = [TorchRunner("one", model, size), TorchRunner("two", other, size)]
    assert not measured(pair, (model, size), PREFILL, tolerance=1e9).within


def test_other_vocabularies_are_refused(folder: Path, tmp_path: Path) -> None:
    from coldforge.engine.agreement.torch_runner import TorchRunner

    one = loaded(folder / "model")
    two = loaded(decoder(tmp_path, "mistral", vocab_size=104))
    with pytest.raises(ColdforgeError, match="one and two have different vocabularies"):
        measured([TorchRunner("one", *one), TorchRunner("two", *two)], one, PREFILL)


def test_tensorrt_is_not_reached_for() -> None:
    assert "tensorrt" not in sys.modules


def _at(logits: Any, token: int, value: float) -> Any:
    added = torch.zeros_like(logits)
    added[..., token] = value
    return added
