from typing import Any

import pytest
from hypothesis import given

from coldforge.checkpoint.formats.registry import find_format
from coldforge.errors import ColdforgeError
from tests.checkpoint.formats.layers import NAME, drawn, layers, patient, same, settings_of

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model
BINARY = find_format("coldforge-binary")


@patient
@given(layers((1,), scales=("float16", "bfloat16", "float32")))
def test_it_gives_back_what_it_stored(item: Any) -> None:
    tensors = BINARY.encode(NAME, item)
    assert tensors[".weight_sign"].numel() * 8 == item.codes.numel()
    assert same(BINARY.decode(NAME, tensors, BINARY.config(settings_of(item))), item)
    assert torch.equal(item.weight().abs().unique(), item.scales.float().unique())


def test_other_widths_are_refused_by_layer() -> None:
    with pytest.raises(ColdforgeError, match=f"{NAME}: 4 bits"):
        BINARY.encode(NAME, drawn(4, zero=8))
