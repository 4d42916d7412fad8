import pytest

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.model.methods.catalogue import find_method, methods


def test_gptq_is_known_and_says_what_it_is() -> None:
    assert "GPTQ" in methods()["gptq"].summary


def test_an_unknown_method_lists_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="unknown method 'magic'") as caught:
        find_method("magic", 4)
    assert "gptq" in caught.value.hint


def test_a_width_it_cannot_store_is_refused() -> None:
    with pytest.raises(ColdforgeError, match="does not store 5 bits"):
        find_method("gptq", 5)
