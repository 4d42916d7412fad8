import pytest

from coldforge.checkpoint.formats.rules import exactly, find_rule, literal, width
from coldforge.errors import ColdforgeError

LAYER = "model.layers.1.mlp.up_proj"


def test_the_first_rule_that_matches_counts() -> None:
    rules = {r".*\.up_proj$": {"bits": 8}, r"model\.layers\.1\.": {"bits": 2}}
    assert find_rule(rules, LAYER) == {"bits": 8}
    assert find_rule(rules, "model.layers.1.mlp.down_proj") == {"bits": 2}
    assert find_rule(rules, "model.layers.2.mlp.down_proj") == {}


@pytest.mark.parametrize("rules", [{f"-:{exactly(LAYER)}": {"bits": 8}}, {exactly(LAYER): None}])
def test_a_layer_can_be_left_as_it_is(rules: dict[str, dict[str, int] | None]) -> None:
    assert find_rule(rules, LAYER) is None


def test_leaving_a_layer_as_it_is_goes_first() -> None:
    assert find_rule({LAYER: {"bits": 8}, "-:model": {}}, LAYER) is None


def test_a_plus_sign_changes_nothing() -> None:
    assert find_rule({r"+:.*up_proj": {"bits": 3}}, LAYER) == {"bits": 3}


def test_an_exact_pattern_matches_its_layer_alone() -> None:
    rules = {exactly(LAYER): {"bits": 8}}
    assert find_rule(rules, LAYER)
    assert not find_rule(rules, LAYER.replace("1", "11"))
    assert not find_rule(rules, f"{LAYER}.more")
    assert literal(exactly(LAYER)) == LAYER
    assert literal(r".*\.up_proj$") is None


def test_a_rule_without_bits_leaves_the_width() -> None:
    assert width({"bits": 4, "dynamic": {"model": {"group_size": 32}}}, LAYER) == 4
    assert width({"bits": 4, "dynamic": {"model": {"bits": 8}}}, LAYER) == 8
    assert width({"bits": None}, LAYER) == 0


def test_a_rule_that_is_no_pattern_is_named() -> None:
    with pytest.raises(ColdforgeError, match=r"the rule '\(' is not a regular expression"):
        find_rule({"(": {"bits": 4}}, LAYER)
