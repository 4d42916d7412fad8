import pytest

from coldforge.engine.tensorrt_llm.loader.failure import Crash
from coldforge.engine.tensorrt_llm.loader.weight_layout import Target, slots
from coldforge.model.families.dimensions import Dimensions
from coldforge.model.families.llama import FAMILY

SIZE = Dimensions(FAMILY, 2, 512, 8, 2, 64, 1024, 100, 512, False)


def target(tp: int, kv_heads: int = 2) -> Target:
    size = Dimensions(FAMILY, 2, 512, 8, kv_heads, 64, 1024, 100, 512, False)
    return Target(size, 64, tp, 64)


def test_q_k_and_v_are_one_matrix_cut_by_heads() -> None:
    found = {slot.name: slot for slot in slots(target(2))}
    qkv = found["attention.qkv"]
    assert qkv.outputs == (512, 128, 128)
    assert qkv.local == (256, 64, 64)
    assert (qkv.rows, qkv.columns, qkv.by_rows) == (512, 384, False)


def test_projections_back_are_cut_by_inputs() -> None:
    found = {slot.name: slot for slot in slots(target(2))}
    down = found["mlp.proj"]
    assert (down.rows, down.columns, down.by_rows) == (512, 512, True)
    assert down.parts == ("model.layers.1.mlp.down_proj",)


@pytest.mark.parametrize(("tp", "kv_heads"), [(3, 2), (2, 3), (16, 2)])
def test_heads_that_cannot_be_shared_out_stop_everything(tp: int, kv_heads: int) -> None:
    with pytest.raises(Crash, match=f"on {tp} cards"):
        list(slots(target(tp, kv_heads)))


def test_a_head_of_k_may_be_on_several_cards() -> None:
    qkv = next(slots(target(4)))
    assert qkv.local == (128, 64, 64)
