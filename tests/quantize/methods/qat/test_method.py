from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.quantize.registry import settings_of
from tests.quantize.blockwise.rig import quantised, random_model

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model
ASKED = {"bits": 3, "steps": 8}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A random model of one block."""
    return random_model(tmp_path_factory.mktemp("plain") / "m", "llama", blocks=1)


@pytest.fixture(scope="module")
def trained(plain: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The model after a few steps: folder and result."""
    out = tmp_path_factory.mktemp("trained") / "q"
    return out, quantised(plain, out, "qat", **ASKED)[0]


def test_it_learns_to_predict_what_the_original_does(plain: Any, tmp_path: Path) -> None:
    result, _ = quantised(plain, tmp_path / "q", "qat", bits=3, steps=40)
    losses = result.extra["training"]["kl"]
    assert len(losses) == 40
    # Two steps see all windows there are.
    assert losses[-1] + losses[-2] < 0.8 * (losses[0] + losses[1])


def test_what_is_stored_is_what_was_learned(trained: Any) -> None:
    from safetensors.torch import load_file

    from coldforge.model.loading.reading import Reader

    made = read_checkpoint(trained[0])
    learned = load_file(trained[0] / ".work" / "training.safetensors")
    assert len(made.linears) == 7
    for name, linear in made.linears.items():
        item = Reader(made).layer(linear)
        rows = torch.arange(len(item.codes)) // item.group_size
        weight = learned[f"weight:{name}"].reshape(item.codes.T.shape).T
        wanted = torch.round(weight / item.scales.float()[rows]) + item.zeros[rows]
        assert torch.equal(wanted.clamp(0, 7), item.codes.float())


def test_killed_while_training_it_goes_on_to_the_same_bytes_on_other_threads(
    plain: Any, trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coldforge.quantize.methods.qat import train as module

    real, taken = module._train_step, []

    def killed(*args: Any) -> None:
        if len(taken) == 5:
            raise KeyboardInterrupt
        taken.append(real(*args))

    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr(module, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(module, "_train_step", killed)
    with pytest.raises(KeyboardInterrupt):
        quantised(plain, tmp_path / "q", "qat", **ASKED)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    taken.clear()
    result, _ = quantised(plain, tmp_path / "q", "qat", **ASKED)
    assert len(taken) == 3
    assert result.extra == trained[1].extra
    assert read_checkpoint(tmp_path / "q").digest == read_checkpoint(trained[0]).digest


def test_gpt2s_transposed_layers_learn_too_and_pruned_weights_stay_zero(tmp_path: Path) -> None:
    checkpoint = random_model(tmp_path / "m", "gpt2", blocks=1)
    result, model = quantised(checkpoint, tmp_path / "q", "qat", bits=4, steps=2, prune="2:4")
    assert {item.bits for item in result.layers} == {4}
    weight = model.get_submodule("transformer.h.0.mlp.c_fc").weight.T
    assert ((weight.reshape(-1, 4) == 0).sum(1) >= 2).all()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"steps": 0}, "qat does not take --steps 0"),
        ({"bits": 2}, "--bits 2"),
        ({"act_order": True}, "is not for"),
    ],
)
def test_what_it_cannot_do_is_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ColdforgeError, match=message):
        settings_of("qat", asked)
