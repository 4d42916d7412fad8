from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checkpoint.formats.layers import patient

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


@patient
@given(st.integers(1, 8), st.integers(1, 70), st.integers(1, 5), st.integers(0, 1 << 32))
def test_unpacking_gives_back_what_was_packed(
    bits: int, count: int, columns: int, seed: int
) -> None:
    from coldforge.checkpoint.formats.bit_packing import pack, unpack, words_of

    chance = torch.Generator().manual_seed(seed)
    values = torch.randint(0, 1 << bits, (count, columns), generator=chance).to(torch.uint8)
    words = pack(values, bits)
    assert words.shape == (words_of(count, bits), columns)
    assert torch.equal(unpack(words, bits, count), values)


def test_values_form_one_stream_of_bits_lowest_first() -> None:
    from coldforge.checkpoint.formats.bit_packing import pack

    values = torch.arange(32) % 8
    stream = sum(int(value) << (3 * at) for at, value in enumerate(values))
    words = [int(word) & 0xFFFFFFFF for word in pack(values[:, None].to(torch.uint8), 3)[:, 0]]
    assert words == [stream >> shift & 0xFFFFFFFF for shift in (0, 32, 64)]
