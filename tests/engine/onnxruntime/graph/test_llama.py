import shutil
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from tests.engine.onnxruntime.graph.rig import close, decoder, exported

pytestmark = pytest.mark.model
BENT = {"rope_theta": 10000.0, "factor": 4.0}
LLAMA3 = {
    "rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32, **BENT,
}  # fmt: skip
SLIDING = {"use_sliding_window": True, "sliding_window": 16}


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("llama", {"num_key_value_heads": 4}),
        ("llama", {"num_key_value_heads": 1, "head_dim": 32}),
        ("llama", {"attention_bias": True, "mlp_bias": True}),
        ("llama", {"rms_norm_eps": 0.1}),
        ("llama", {"rope_parameters": LLAMA3}),
        ("llama", {"rope_parameters": {"rope_type": "linear", **BENT}}),
        ("llama", {"rope_parameters": {"rope_type": "yarn", **BENT}}),
        ("llama", {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}),
        ("mistral", {"sliding_window": None}),
        ("mistral", {"sliding_window": 16}),
        ("mistral", {"sliding_window": 45}),
        ("qwen2", {}),
        ("qwen2", {**SLIDING, "max_window_layers": 0}),
        ("qwen2", {**SLIDING, "max_window_layers": 2}),
    ],
)
def test_logits_equal_torchs_with_and_without_a_cache(
    tmp_path: Path, family: str, changes: dict[str, Any]
) -> None:
    assert close(decoder(tmp_path / "model", family, **changes), tmp_path)


@pytest.mark.parametrize(
    ("family", "changes", "said"),
    [
        ("llama", {"rope_parameters": {"rope_type": "dynamic", **BENT}}, "'dynamic' depend on"),
        ("llama", {"hidden_act": "gelu"}, "no engine for the activation 'gelu'"),
        ("qwen2", {**SLIDING, "max_window_layers": 1}, "windows of the blocks differ"),
    ],
)
def test_what_no_graph_of_ours_holds_is_refused_in_one_line(
    tmp_path: Path, family: str, changes: dict[str, Any], said: str
) -> None:
    folder = decoder(tmp_path / "model", family, **changes)
    with pytest.raises(ColdforgeError, match=said) as refused:
        exported(folder, tmp_path)
    assert "\n" not in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("window", [None, 16])
def test_the_generation_loop_follows_torch_beyond_its_window(
    tmp_path: Path, window: int | None
) -> None:
    pytest.importorskip("onnxruntime_genai")
    from coldforge.checkpoint.checkpoint import read_checkpoint
    from coldforge.engine.agreement.comparison import compare_greedy
    from coldforge.engine.onnxruntime.graph.genai_config import write_genai
    from coldforge.engine.onnxruntime.runner import GenaiRunner
    from coldforge.model.families.dimensions import read_dimensions
    from coldforge.model.loading.load import load_model

    model = decoder(tmp_path / "model", "mistral", sliding_window=window)
    folder = exported(model, tmp_path / "engine")
    checkpoint = read_checkpoint(model)
    write_genai(folder, read_dimensions(model), checkpoint.config)
    shutil.copyfile(model / "config.json", folder / "config.json")
    prompts = [list(range(1, 41)), [5, 6]]
    found = compare_greedy(load_model(checkpoint), GenaiRunner(folder), prompts, 40, 1e-4)
    assert found["identical"] == 2
