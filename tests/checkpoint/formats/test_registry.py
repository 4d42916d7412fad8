import pytest

from coldforge.checkpoint.formats.registry import find_format, format_of, formats
from coldforge.errors import ColdforgeError, UnknownNameError


@pytest.mark.parametrize("name", list(formats()))
def test_each_format_recognises_the_config_it_writes_and_no_other_does(name: str) -> None:
    asked = {"bits": 8, "group_size": 128, "sym": True, "dynamic": {}, "activations": "dynamic"}
    settings = find_format(name).config(asked)
    assert format_of(settings).name == name
    assert [item.name for item in formats().values() if item.matches(settings)] == [name]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"quant_method": "gptq", "bits": 4}, "gptq"),
        ({"quant_method": "gptq", "checkpoint_format": "gptq_v2"}, "gptq_v2"),
        ({"quant_method": "awq", "bits": 4, "version": "GEMM"}, "awq"),
    ],
)
def test_configs_of_other_tools_are_recognised(settings: dict[str, object], name: str) -> None:
    assert format_of(settings).name == name


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"quant_method": "gptq", "checkpoint_format": "marlin"}, "gptq/marlin"),
        ({"quant_method": "awq", "version": "gemv"}, "awq/gemv"),
        ({"quant_method": "awq", "backend": "llm-awq"}, "quantised as awq"),
        ({"quant_method": "bitsandbytes"}, "bitsandbytes"),
        ({"quant_method": "compressed-tensors", "format": "float-quantized"}, "float-quantized"),
        ({}, "an unnamed method"),
    ],
)
def test_what_is_not_known_is_named(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ColdforgeError, match=said):
        format_of(settings)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_format("exl2")
    assert "gptq_v2" in caught.value.hint
