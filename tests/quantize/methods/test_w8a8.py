from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.quantize.registry import settings_of
from tests.quantize.blockwise.rig import divergence, quantised, random_model, windows

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


def unsmoothed(folder: Path, activations: str) -> float:
    """Measure plain rounding: int8 weights and inputs of the model as it is."""
    from coldforge.model.loading.load import load_model, watch

    checkpoint = read_checkpoint(folder)
    model = load_model(checkpoint)
    layers = [model.get_submodule(name) for name in checkpoint.linears]
    peaks: dict[Any, Any] = {}
    hooks = [
        layer.register_forward_pre_hook(lambda at, given: peaks.update({at: given[0].abs().max()}))
        for layer in layers
    ]
    with torch.inference_mode():
        model(windows())
    for hook in hooks:
        hook.remove()
    transposed = checkpoint.config["model_type"] == "gpt2"
    for layer in layers:
        step = layer.weight.data.abs().amax(0 if transposed else 1, keepdim=True) / 127.5
        layer.weight.data = (layer.weight.data / step).round().clamp(-128, 127) * step
        watch(layer, peaks[layer].reshape(1) / 127.5 if activations == "static" else None)
    return divergence(checkpoint, model)


@pytest.mark.parametrize("activations", ["dynamic", "static"])
@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2"])
def test_smoothing_loses_less_than_plain_rounding(
    kind: str, activations: str, tmp_path: Path
) -> None:
    checkpoint = random_model(tmp_path / "m", kind)
    result, model = quantised(checkpoint, tmp_path / "q", "w8a8", activations=activations)
    found = divergence(checkpoint, model)
    assert found < 0.6 * unsmoothed(tmp_path / "m", activations)
    assert found < 0.02
    assert all(0 < item.error < 0.002 for item in result.layers if item.error is not None)


def test_the_files_are_compressed_tensors_with_inputs_of_each_token(tmp_path: Path) -> None:
    checkpoint = random_model(tmp_path / "m", "llama", blocks=1)
    quantised(checkpoint, tmp_path / "q", "w8a8", alpha=0.5)
    made = read_checkpoint(tmp_path / "q")
    group = made.quantization["config_groups"]["group_0"]
    assert made.quantization["format"] == "int-quantized"
    assert group["input_activations"]["strategy"] == "token"
    assert group["weights"]["strategy"] == "channel"
    assert made.tensors["model.layers.0.mlp.up_proj.weight"].dtype == "I8"
    assert not [name for name in made.tensors if name.endswith("input_scale")]


def test_a_static_step_covers_the_inputs_it_was_calibrated_on(tmp_path: Path) -> None:
    checkpoint = random_model(tmp_path / "m", "llama", blocks=1)
    _, model = quantised(checkpoint, tmp_path / "q", "w8a8", activations="static")
    made = read_checkpoint(tmp_path / "q")
    from coldforge.model.loading.reading import Reader

    peaks = {}
    for name in made.linears:
        # Hooks run in the order they were made: this one sees inputs that are rounded already.
        model.get_submodule(name).register_forward_pre_hook(
            lambda _, given, name=name: peaks.update({name: float(given[0].abs().max())})
        )
    with torch.inference_mode():
        model(windows())
    for name, linear in made.linears.items():
        step = float(Reader(made).layer(linear).input_scale)
        assert 60 * step < peaks[name] < 128.1 * step


def test_smoothing_evens_out_what_enters_a_layer(tmp_path: Path) -> None:
    checkpoint = random_model(tmp_path / "m", "llama", blocks=1)
    _, model = quantised(checkpoint, tmp_path / "q", "w8a8")
    norm = model.model.layers[0].input_layernorm.weight
    assert norm.max() / norm.median() < 10  # from above twenty


def test_threads_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = random_model(tmp_path / "m", "llama", blocks=1)
    digests = set()
    for count in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", count)
        quantised(checkpoint, tmp_path / count, "w8a8", activations="static")
        digests.add(read_checkpoint(tmp_path / count).digest)
    assert len(digests) == 1


def test_pruned_weights_stay_zero(tmp_path: Path) -> None:
    checkpoint = random_model(tmp_path / "m", "llama")
    _, model = quantised(checkpoint, tmp_path / "q", "w8a8", prune="0.5")
    weight = model.get_submodule("model.layers.1.mlp.down_proj").weight
    assert ((weight == 0).sum(1) >= 0.5 * weight.shape[1]).all()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"alpha": 1.5}, "--alpha 1.5"),
        ({"activations": "some"}, "--activations some"),
        ({"bits": 4}, "--bits is not"),
    ],
)
def test_settings_that_mean_nothing_are_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ColdforgeError, match=message):
        settings_of("w8a8", asked)
