import pytest

from coldforge.errors import UnknownNameError
from coldforge.experiments.survey.survey import choose_variants, variants
from coldforge.quantize.methods.method import Variant
from coldforge.quantize.registry import methods, settings_of


def names(text: str) -> list[str]:
    return [item.name for item in choose_variants(text)]


def test_all_variants_are_taken_unless_some_are_named() -> None:
    assert names("") == [item.name for item in variants()]
    assert len(set(names(""))) == len(variants())


def test_a_method_names_all_its_variants() -> None:
    assert names("rtn, fp16") == ["fp16", "rtn-8", "rtn-4", "rtn-3"]


def test_an_unknown_variant_is_refused_and_the_known_are_listed() -> None:
    with pytest.raises(UnknownNameError, match="unknown variant 'int5'") as caught:
        choose_variants("gptq,int5")
    assert all(item.name in caught.value.hint for item in variants())


@pytest.mark.parametrize("item", variants(), ids=lambda item: item.name)
def test_a_method_takes_the_settings_of_its_variants(item: Variant) -> None:
    settings = settings_of(item.method, item.asked)
    assert item.asked.items() <= settings.items()
    assert item in methods()[item.method].variants


def test_no_method_is_left_out() -> None:
    assert {item.method for item in variants()} == set(methods())
