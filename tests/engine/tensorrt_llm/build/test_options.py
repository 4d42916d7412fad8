import pytest

from coldforge.engine.tensorrt_llm.build.options import rotary
from coldforge.errors import ColdforgeError

NEW = {"rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}}


def test_the_usual_base_needs_no_word() -> None:
    assert rotary({}, True, []) == {}
    assert rotary({"rope_parameters": {"rope_theta": 1e4, "rope_type": "default"}}, True, []) == {}


def test_a_base_where_only_transformers_5_finds_it_is_refused_to_who_reads_the_config() -> None:
    with pytest.raises(ColdforgeError, match="would not find rope_theta"):
        rotary(NEW, True, [])
    assert rotary(NEW, False, []) == {"rotary_base": "1000000"}
    assert rotary(NEW | {"rope_theta": 1e6}, True, []) == {"rotary_base": "1000000"}


def test_a_scaling_that_the_release_does_not_know_is_refused_with_those_it_does() -> None:
    config = {"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", "factor": 8.0}}
    with pytest.raises(ColdforgeError, match="of type llama3") as caught:
        rotary(config, False, ["linear", "dynamic"])
    assert "linear, dynamic" in caught.value.hint
    assert rotary(config, True, ["llama3"])["rotary_scaling"] == ("llama3", "8")
