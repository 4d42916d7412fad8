from typing import Any

import pytest

from coldforge.engine.tensorrt_llm.build.precision import Precision, precision_of
from coldforge.engine.tensorrt_llm.build.settings import BuildSettings
from coldforge.errors import ColdforgeError


def test_a_quantised_checkpoint_says_its_own_precision(
    checkpoint: Any, gptq: dict[str, Any], awq: dict[str, Any]
) -> None:
    assert precision_of(checkpoint(gptq), BuildSettings()) == Precision(
        "int4", "int4_gptq", "gptq", 128
    )
    assert precision_of(checkpoint(awq), BuildSettings()).weight_only == "int4_awq"


@pytest.mark.parametrize(
    ("asked", "name", "weight_only"),
    [
        ({}, "fp16", ""),
        ({"dtype": "bfloat16"}, "bf16", ""),
        ({"precision": "int8"}, "int8", "int8"),
        ({"precision": "w8a8"}, "w8a8", ""),
    ],
)
def test_an_original_takes_the_precision_asked_for(
    checkpoint: Any, asked: dict[str, Any], name: str, weight_only: str
) -> None:
    assert precision_of(checkpoint(), BuildSettings(**asked)) == Precision(name, weight_only)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "gptq_v2"}, "gptq_v2"),
        ({"desc_act": True}, "out of order"),
        ({"dynamic": {"a": {"bits": 8}}}, "different widths"),
        ({"bits": 3}, "3 bits"),
        ({"lm_head": True}, "head is quantised"),
        ({"quant_method": "coldforge", "format": "coldforge-int8"}, "no release reads"),
    ],
)
def test_what_would_be_misread_is_refused_with_a_remedy(
    checkpoint: Any, gptq: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ColdforgeError, match=message) as caught:
        precision_of(checkpoint(gptq | change), BuildSettings())
    assert caught.value.hint


def test_a_quantised_checkpoint_is_not_rounded_again(checkpoint: Any, gptq: dict[str, Any]) -> None:
    with pytest.raises(ColdforgeError, match="quantised already"):
        precision_of(checkpoint(gptq), BuildSettings(precision="int8"))
