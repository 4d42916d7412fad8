import pytest

from coldforge.errors import UnknownNameError
from coldforge.experiments.survey.variants import WAYS, Way, choose_ways
from coldforge.quantize.registry import methods


def names(text: str) -> list[str]:
    return [way.name for way in choose_ways(text)]


def test_all_ways_are_taken_unless_some_are_named() -> None:
    assert names("") == [way.name for way in WAYS]
    assert len(set(names(""))) == len(WAYS)


def test_a_method_names_all_its_ways() -> None:
    assert names("rtn, fp16") == ["fp16", "rtn-8", "rtn-4", "rtn-3"]


def test_an_unknown_way_is_refused_and_the_known_are_listed() -> None:
    with pytest.raises(UnknownNameError, match="unknown way 'int5'") as caught:
        choose_ways("gptq,int5")
    assert all(way.name in caught.value.hint for way in WAYS)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_the_method_of_a_way_takes_its_settings(way: Way) -> None:
    settings = methods()[way.method].settings(dict(way.asked))
    assert way.asked.items() <= settings.items()
