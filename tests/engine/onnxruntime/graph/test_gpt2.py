from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from tests.engine.onnxruntime.graph.rig import close, decoder, exported

pytestmark = pytest.mark.model


@pytest.mark.parametrize(
    "changes",
    [{}, {"activation_function": "gelu"}, {"n_inner": 96}, {"tie_word_embeddings": False}],
)
def test_logits_equal_torchs_with_and_without_a_cache(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    assert close(decoder(tmp_path / "model", "gpt2", **changes), tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"activation_function": "relu"}, "no engine for the activation 'relu'"),
        ({"scale_attn_by_inverse_layer_idx": True}, "no engine for scale_attn_by_inverse"),
        ({"scale_attn_weights": False}, "no engine for scale_attn_weights = False"),
    ],
)
def test_what_no_graph_of_ours_holds_is_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ColdforgeError, match=said):
        exported(decoder(tmp_path / "model", "gpt2", **changes), tmp_path)
