import pytest

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.quantize.registry import find_method, methods, settings_of


def test_gptq_is_known_and_says_what_it_is() -> None:
    assert "GPTQ" in methods()["gptq"].summary


def test_an_unknown_method_lists_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="unknown method 'magic'") as caught:
        find_method("magic")
    assert "gptq" in caught.value.hint


def test_every_method_says_what_it_is() -> None:
    assert all(item.summary and item.name == name for name, item in methods().items())


@pytest.mark.parametrize("method", ["gptq", "rtn"])
def test_a_width_it_cannot_store_is_refused(method: str) -> None:
    with pytest.raises(ColdforgeError, match=f"{method} does not take --bits 5") as caught:
        settings_of(method, {"bits": 5})
    assert "8, 4, 3" in caught.value.hint


def test_a_flag_of_another_method_is_refused_with_its_own() -> None:
    with pytest.raises(ColdforgeError, match="--budget is not for gptq") as caught:
        settings_of("gptq", {"budget": 0.3})
    assert "--group-size" in caught.value.hint
