from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.checkpoint.formats.registry import find_format
from coldforge.errors import ColdforgeError
from tests.checkpoint.formats.layers import NAME, drawn, layers, patient, same, settings_of

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model
W8A8 = find_format("w8a8")
ASKED = {"bits": 8, "group_size": -1, "sym": True, "activations": "static"}


@patient
@given(
    layers((8,), scales=("float16", "bfloat16", "float32")), st.sampled_from(["static", "dynamic"])
)
def test_it_gives_back_what_it_stored(item: Any, activations: str) -> None:
    if activations == "static":
        item = replace(item, input_scale=torch.tensor([0.25]))
    asked = {**settings_of(item), "activations": activations}
    assert same(W8A8.decode(NAME, W8A8.encode(NAME, item, asked), W8A8.config(asked)), item)


def test_one_scale_for_the_whole_weight_is_read() -> None:
    item = drawn(8, zero=128, groups=1)
    tensors = W8A8.encode(NAME, item)
    tensors[".weight_scale"] = torch.tensor([0.5])
    found = W8A8.decode(NAME, tensors, W8A8.config({**ASKED, "activations": "dynamic"}))
    assert found.scales.tolist() == [[0.5] * 32]


def test_static_inputs_without_a_scale_are_refused() -> None:
    tensors = W8A8.encode(NAME, drawn(8, zero=128, groups=1))
    with pytest.raises(ColdforgeError, match=r"lacks one \.input_scale"):
        W8A8.decode(NAME, tensors, W8A8.config(ASKED))


def test_other_widths_are_refused_by_layer() -> None:
    with pytest.raises(ColdforgeError, match=f"{NAME}: its weights have 4 bits"):
        W8A8.encode(NAME, drawn(4, zero=8))
