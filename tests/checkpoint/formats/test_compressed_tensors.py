from typing import Any

import pytest
from hypothesis import given

from coldforge.checkpoint.formats.registry import find_format
from coldforge.errors import ColdforgeError
from tests.checkpoint.formats.layers import NAME, drawn, layers, patient, same, settings_of

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model
PACKED = find_format("compressed-tensors")
ASKED = {"bits": 4, "group_size": 32, "sym": True}


@patient
@given(layers(tuple(range(2, 9)), scales=("float16", "bfloat16", "float32")))
def test_it_gives_back_what_it_stored(item: Any) -> None:
    asked = settings_of(item)
    tensors = PACKED.encode(NAME, item, asked)
    assert (".weight_zero_point" in tensors) != asked["sym"]
    assert same(PACKED.decode(NAME, tensors, PACKED.config(asked)), item)


def test_a_symmetric_layer_among_others_keeps_its_zero_points() -> None:
    item = drawn(4, zero=8)
    asked = {**ASKED, "sym": False}
    tensors = PACKED.encode(NAME, item, asked)
    assert ".weight_zero_point" in tensors
    assert same(PACKED.decode(NAME, tensors, PACKED.config(asked)), item)
    with pytest.raises(ColdforgeError, match="not the middle code"):
        PACKED.encode(NAME, drawn(4, zero=7), ASKED)


def test_the_order_of_older_files_is_read() -> None:
    item = drawn(4, zero=8, ordered=True)
    tensors = PACKED.encode(NAME, drawn(4, zero=8), ASKED)
    tensors[".weight_g_idx"] = item.order
    assert torch.equal(PACKED.decode(NAME, tensors, PACKED.config(ASKED)).order, item.order)


def test_groups_out_of_order_are_refused_by_layer() -> None:
    with pytest.raises(ColdforgeError, match=f"{NAME}: its groups are out of order"):
        PACKED.encode(NAME, drawn(4, zero=8, ordered=True))


def test_a_shape_that_does_not_fit_is_named() -> None:
    tensors = PACKED.encode(NAME, drawn(4, zero=8), ASKED)
    tensors[".weight_shape"] = torch.tensor([32, 128])
    with pytest.raises(ColdforgeError, match="weight_shape says 32 by 128"):
        PACKED.decode(NAME, tensors, PACKED.config(ASKED))


def test_rules_become_groups_of_their_own() -> None:
    item = drawn(8, zero=128)
    settings = PACKED.config({**ASKED, "dynamic": {NAME: {"bits": 8}, "other": None}})
    assert settings["ignore"] == ["lm_head", "re:other"]
    tensors = PACKED.encode(NAME, item, ASKED)
    assert same(PACKED.decode(NAME, tensors, settings), item)
