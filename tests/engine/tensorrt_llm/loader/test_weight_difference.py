from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")
from coldforge.checkpoint.formats.quantized import Quantized  # noqa: E402
from coldforge.engine.tensorrt_llm.loader.loaded_weights import LoadedWeights  # noqa: E402
from coldforge.engine.tensorrt_llm.loader.weight_difference import ROWS, MatrixPiece, compare  # noqa: E402

pytestmark = pytest.mark.model


def truth(rows: int = 128, zero: int = 8) -> Quantized:
    codes = torch.randint(0, 16, (rows, 4), dtype=torch.uint8)
    groups = rows // 64
    return Quantized(
        4, codes, torch.full((groups, 4), 0.5).half(), torch.full((groups, 4), zero).short()
    )


def loaded(item: Quantized, zero: float = 8) -> LoadedWeights:
    codes = item.codes.to(torch.int8) - 8
    return LoadedWeights(codes, item.scales, ((8 - zero) * item.scales).half())


def test_the_same_weights_are_the_same_in_every_block_of_rows() -> None:
    item = truth(rows=ROWS * 2 + 64)
    found = compare(item, [MatrixPiece(0, 0, loaded(item))], 64)
    assert found.same == found.weights == item.codes.numel()
    assert found.wrong == found.largest == 0


def test_whole_steps_are_told_apart_by_their_side() -> None:
    item = truth()
    low = compare(item, [MatrixPiece(0, 0, loaded(item, zero=9))], 64)
    assert (low.below, low.above, low.largest) == (low.weights, 0, 0.5)
    high = compare(item, [MatrixPiece(0, 0, loaded(item, zero=7))], 64)
    assert (high.below, high.above) == (0, high.weights)
    far = compare(item, [MatrixPiece(0, 0, loaded(item, zero=4))], 64)
    assert (far.whole, far.largest) == (far.weights, 2.0)


def test_a_product_that_was_rounded_is_not_wrong() -> None:
    item = truth(zero=3)
    item = Quantized(4, item.codes, torch.full((2, 4), 0.1).half(), item.zeros)
    found = compare(item, [MatrixPiece(0, 0, loaded(item, zero=3))], 64)
    assert found.wrong == 0
    assert found.rounded > 0
    assert found.largest < 2**-11


def test_rows_beyond_the_last_group_are_not_known() -> None:
    item = truth()
    mine = loaded(item)
    short = LoadedWeights(mine.codes, mine.scales[:1], mine.scaled_zeros[:1])
    found = compare(item, [MatrixPiece(0, 0, short)], 64)
    assert (found.unread, found.same) == (64 * 4, 64 * 4)


def test_what_no_card_holds_is_wrong() -> None:
    item = truth()
    half = loaded(item).cut(slice(0, 64), slice(0, 4))
    found = compare(item, [MatrixPiece(0, 0, half)], 64)
    assert found.unread == found.wrong == 64 * 4


def test_a_second_card_counts_its_groups_from_its_own_first_row() -> None:
    item = truth()
    codes, scales = item.codes.to(torch.int8)[64:] - 8, item.scales[1:]
    one = loaded(item).cut(slice(0, 64), slice(0, 4))
    found = compare(
        item, [MatrixPiece(0, 0, one), MatrixPiece(64, 0, LoadedWeights(codes, scales, None))], 64
    )
    assert found.same == found.weights
