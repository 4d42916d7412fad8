from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch: Any = pytest.importorskip("torch")
from coldforge.engine.tensorrt_llm.loader.failure import Crash  # noqa: E402
from coldforge.engine.tensorrt_llm.loader.loaded_weights import (  # noqa: E402
    LoadedWeights,
    check_group,
    fit,
    from_gptq,
    nibbles,
)

pytestmark = pytest.mark.model
WORD = st.lists(st.integers(0, 15), min_size=8, max_size=8)


def pack(fields: list[int]) -> int:
    """Pack eight fields into a signed word, lowest first."""
    word = sum(field << (4 * at) for at, field in enumerate(fields))
    return word - (1 << 32) if word >= 1 << 31 else word


@given(st.lists(WORD, min_size=1, max_size=4))
def test_nibbles_come_out_in_order(rows: list[list[int]]) -> None:
    words = torch.tensor([[pack(fields)] for fields in rows], dtype=torch.int32)
    assert nibbles(words).tolist() == rows


@given(WORD, WORD, st.floats(2**-10, 1, width=16))
def test_a_weight_is_its_code_less_the_stored_zero_point_and_one_times_the_scale(
    codes: list[int], zeros: list[int], scale: float
) -> None:
    qweight = torch.tensor([[pack(codes)] * 8], dtype=torch.int32)
    qzeros = torch.tensor([[pack(zeros)]], dtype=torch.int32)
    loaded = from_gptq(qweight, qzeros, torch.full((1, 8), scale).half())
    found = loaded.codes.float() * loaded.scales.float() + loaded.scaled_zeros.float()
    for row, code in enumerate(codes):
        for column, zero in enumerate(zeros):
            meant = (code - (zero + 1)) * scale
            assert found[row, column] == pytest.approx(meant, abs=9 * scale * 2**-11)


@pytest.mark.parametrize("group", [32, 256, -1, 0])
def test_a_group_without_a_kernel_is_refused(group: int) -> None:
    with pytest.raises(Crash, match="64 or 128"):
        check_group(group)
    check_group(64)
    check_group(128)


def test_a_share_must_have_the_size_of_its_place() -> None:
    loaded = LoadedWeights(torch.zeros(64, 64), torch.zeros(1, 64), None)
    assert fit(loaded, 64, 64, 64) is loaded
    for rows, columns, words in [(128, 64, "takes 128 by 64"), (64, 128, "64 by 64")]:
        with pytest.raises(Crash, match=words):
            fit(loaded, rows, columns, 64)
    with pytest.raises(Crash, match="scales"):
        fit(loaded, 64, 64, 32)
    with pytest.raises(Crash, match="multiples of 64"):
        fit(LoadedWeights(torch.zeros(64, 8), torch.zeros(1, 8), None), 64, 8, 64)
