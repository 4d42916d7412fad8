from typing import Any

import pytest

from coldforge.checkpoint.formats.scheme import inputs_of, scheme_of, weights_of
from coldforge.errors import ColdforgeError

LAYER = "model.layers.0.mlp.up_proj"


def settings(*groups: tuple[list[str], dict[str, Any]]) -> dict[str, Any]:
    return {
        "config_groups": {
            str(at): {"targets": targets, **scheme} for at, (targets, scheme) in enumerate(groups)
        }
    }


def test_a_name_goes_before_a_pattern_and_a_pattern_before_a_class() -> None:
    linear, pattern, name = (
        (["Linear"], {"n": 1}),
        ([r"re:.*up_proj"], {"n": 2}),
        ([LAYER], {"n": 3}),
    )
    assert scheme_of(LAYER, settings(linear))["n"] == 1
    assert scheme_of(LAYER, settings(linear, pattern))["n"] == 2
    assert scheme_of(LAYER, settings(linear, pattern, name))["n"] == 3


def test_a_layer_that_is_nobodys_target_is_named() -> None:
    with pytest.raises(ColdforgeError, match=LAYER):
        scheme_of(LAYER, settings((["re:.*down"], {})))
    with pytest.raises(ColdforgeError, match="no config_groups"):
        scheme_of(LAYER, {})


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (None, None),
        ({"num_bits": 8, "dynamic": True, "strategy": "token"}, "dynamic"),
        ({"num_bits": 8, "dynamic": False, "strategy": "tensor"}, "static"),
        ({"num_bits": 8, "dynamic": False}, "static"),
    ],
)
def test_inputs_are_static_or_dynamic(found: dict[str, Any] | None, kind: str | None) -> None:
    assert inputs_of(LAYER, settings((["Linear"], {"input_activations": found}))) == kind


@pytest.mark.parametrize(
    "found",
    [
        {"num_bits": 8, "type": "float", "dynamic": True, "strategy": "token"},
        {"num_bits": 8, "dynamic": False, "strategy": "tensor", "symmetric": False},
        {"num_bits": 4, "dynamic": True, "strategy": "token"},
        {"num_bits": 8, "dynamic": True, "strategy": "group"},
    ],
)
def test_inputs_we_cannot_run_are_named(found: dict[str, Any]) -> None:
    with pytest.raises(ColdforgeError, match=f"the inputs of {LAYER}"):
        inputs_of(LAYER, settings((["Linear"], {"input_activations": found})))


def test_weights_we_cannot_read_are_named() -> None:
    with pytest.raises(ColdforgeError, match=f"the weights of {LAYER} are quantised as float"):
        weights_of(LAYER, settings((["Linear"], {"weights": {"type": "float"}})))
