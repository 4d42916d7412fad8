from typing import Any

import pytest

from coldforge.engine.memory.settings import Settings, lengths
from coldforge.errors import ColdforgeError
from coldforge.model.families.dimensions import dimensions
from tests.engine.memory.models import CODELLAMA_34B, GPT2, LLAMA2_7B


@pytest.mark.parametrize(
    ("config", "asked", "expected"),
    [
        (LLAMA2_7B, (0, 0), (2048, 1024)),
        (GPT2, (0, 0), (682, 342)),
        (GPT2, (1000, 0), (1000, 24)),
        (GPT2, (0, 1000), (24, 1000)),
        (LLAMA2_7B, (128, 128), (128, 128)),
    ],
)
def test_lengths_fit_the_positions(
    config: dict[str, Any], asked: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert lengths(dimensions(config), *asked) == expected


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        ({"max_input_len": 16384}, "16384 tokens in and 1 out are more", "smaller"),
        ({"tp": 7}, "--tp 7 does not divide the model's 64 heads", "divides 64"),
        ({"pp": 5}, "--pp 5 does not divide the model's 48 layers", "divides 48"),
        ({"max_batch_size": 0}, "--max-batch-size 0", "1 or more"),
        ({"dtype": "int8"}, "unknown dtype 'int8'", "float16"),
        ({"backend": "x"}, "unknown backend 'x'", "onnxruntime"),
        ({"activations": "int4"}, "unknown activations", "float32"),
        ({"activations": "int8"}, "--activations is for onnxruntime", "--backend"),
        ({"backend": "onnxruntime", "tp": 2}, "has no --tp", "leave it out"),
        ({"backend": "onnxruntime", "int8_kv_cache": True}, "no --int8-kv-cache", "leave it"),
    ],
)
def test_what_no_engine_can_have_is_refused(asked: dict[str, Any], message: str, hint: str) -> None:
    said = {"max_input_len": 1, "max_output_len": 1, **asked}
    with pytest.raises(ColdforgeError) as caught:
        Settings(**said).check(dimensions(CODELLAMA_34B))
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_an_mlp_that_cards_cannot_share_is_refused() -> None:
    config = {**LLAMA2_7B, "intermediate_size": 11009}
    with pytest.raises(ColdforgeError, match="11009 units of the MLP"):
        Settings(max_input_len=1, max_output_len=1, tp=2).check(dimensions(config))
