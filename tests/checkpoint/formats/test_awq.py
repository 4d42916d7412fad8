from typing import Any

import pytest
from hypothesis import given

from coldforge.checkpoint.formats.registry import find_format
from coldforge.checkpoint.formats.rules import exactly
from coldforge.errors import ColdforgeError
from tests.checkpoint.formats.layers import NAME, drawn, layers, patient, same, settings_of

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model
AWQ = find_format("awq")
ASKED = {"bits": 4, "group_size": 64, "sym": False}


@patient
@given(layers((4,)))
def test_it_gives_back_what_it_stored(item: Any) -> None:
    asked = settings_of(item)
    assert same(AWQ.decode(NAME, AWQ.encode(NAME, item, asked), AWQ.config(asked)), item)


def test_eight_outputs_share_a_word_evens_first() -> None:
    item = drawn(4, zero=8)
    item.codes[:] = torch.arange(32) % 8
    assert int(AWQ.encode(NAME, item)[".qweight"][0, 0]) == 0x75316420


def test_without_zero_points_they_are_in_the_middle() -> None:
    item = drawn(4, zero=8)
    tensors = AWQ.encode(NAME, item)
    del tensors[".qzeros"]
    assert same(AWQ.decode(NAME, tensors, {"zero_point": False}), item)
    with pytest.raises(ColdforgeError, match=r"lacks \.qzeros"):
        AWQ.decode(NAME, tensors, {"zero_point": True})


def test_other_widths_and_act_order_are_refused_by_layer() -> None:
    with pytest.raises(ColdforgeError, match=f"{NAME}: its weights have 8 bits"):
        AWQ.encode(NAME, drawn(8, zero=128))
    with pytest.raises(ColdforgeError, match=f"{NAME}: its groups are out of order"):
        AWQ.encode(NAME, drawn(4, zero=8, ordered=True))
    with pytest.raises(ColdforgeError, match="packed in 3 bits"):
        AWQ.shape(NAME, {}, {"bits": 3})


def test_layers_left_as_they_are_are_listed_by_name() -> None:
    assert AWQ.config({**ASKED, "dynamic": {}})["modules_to_not_convert"] is None
    found = AWQ.config({**ASKED, "dynamic": {exactly(NAME): None}})
    assert found["modules_to_not_convert"] == ["lm_head", NAME]


@pytest.mark.parametrize("dynamic", [{exactly(NAME): {"bits": 8}}, {".*up_proj": None}])
def test_what_its_config_cannot_say_is_refused(dynamic: dict[str, object]) -> None:
    with pytest.raises(ColdforgeError, match="AWQ files cannot say"):
        AWQ.config({**ASKED, "dynamic": dynamic})
