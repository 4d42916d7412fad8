from typing import Any

import pytest

from coldforge.engine.memory.settings import MemorySettings, lengths
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
        ({"max_batch_size": 0}, "--max-batch-size 0", "1 or more"),
        ({"dtype": "int8"}, "unknown dtype 'int8'", "float16"),
        ({"activations": "int4"}, "unknown activations", "float32"),
    ],
)
def test_what_no_engine_can_have_is_refused(asked: dict[str, Any], message: str, hint: str) -> None:
    said = {"max_input_len": 1, "max_output_len": 1, **asked}
    with pytest.raises(ColdforgeError) as caught:
        MemorySettings(**said).check(dimensions(CODELLAMA_34B))
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_what_a_backend_lacks_is_refused_unless_left_at_its_default() -> None:
    lacks = {"tp": "one process", "dry_run": "of engine.build alone"}
    MemorySettings().refuse(lacks, "abacus")
    with pytest.raises(ColdforgeError, match="of abacus has no --tp: one process") as caught:
        MemorySettings(tp=2).refuse(lacks, "abacus")
    assert "leave it out" in caught.value.hint
