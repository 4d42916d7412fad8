import pytest

from coldforge.engine.tensorrt_llm.loader.registry import find_loader, loaders
from coldforge.errors import UnknownNameError


def test_a_release_is_found_by_its_name() -> None:
    assert [loader.name for loader in loaders().values()] == list(loaders())
    assert find_loader("0.5.0").one_file
    with pytest.raises(UnknownNameError) as caught:
        find_loader("2.0")
    assert caught.value.hint == "known: 0.10, 0.5.0, 1.2"
