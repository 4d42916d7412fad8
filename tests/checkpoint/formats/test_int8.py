from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from coldforge.checkpoint.formats.registry import find_format
from coldforge.errors import ColdforgeError
from tests.checkpoint.formats.layers import NAME, drawn, layers, patient, same

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model
INT8 = find_format("coldforge-int8")
SETTINGS = INT8.config({})


@patient
@given(layers((8,), scales=("float32",), sizes=(1,), middle=True))
def test_it_gives_back_what_it_stored(item: Any) -> None:
    assert same(INT8.decode(NAME, INT8.encode(NAME, item), SETTINGS), item)


def test_one_step_a_tensor_is_stored_once() -> None:
    item = drawn(8, zero=128, groups=1)
    item = replace(item, scales=torch.full((1, 32), 0.25))
    tensors = INT8.encode(NAME, item)
    assert tensors[".weight_scale"].shape == (1,)
    assert same(INT8.decode(NAME, tensors, SETTINGS), item)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"bits": 4, "zero": 8}, "4 bits"),
        ({"bits": 8, "zero": 127}, "not the middle code"),
        ({"bits": 8, "zero": 128}, "not one float32 per row"),
    ],
)
def test_what_torch_cannot_hold_is_refused(item: dict[str, int], said: str) -> None:
    with pytest.raises(ColdforgeError, match=said):
        INT8.encode(NAME, drawn(**item))
