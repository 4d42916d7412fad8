from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from tests.engine.memory.models import GPT2, LLAMA2_7B, predicted

ORT = "onnxruntime"


def test_a_float32_engine_weighs_four_bytes_a_parameter_and_keeps_the_embedding_in_float16() -> (
    None
):
    found = predicted(LLAMA2_7B, backend=ORT)
    table = 32000 * 4096
    rotary = 4096 * 128 * 4
    assert sum(found.weights.values()) == 4 * 6_738_415_616 - 2 * table + rotary


def test_int4_takes_half_a_byte_and_a_scale_and_half_a_byte_of_zero_a_block() -> None:
    weights = 32 * (4 * 4096 * 4096 + 3 * 4096 * 11008)
    found = predicted(LLAMA2_7B, bits=4, backend=ORT).weights["linear layers"]
    assert found == weights // 2 + weights // 128 * 4 + weights // 256


def test_eight_bits_go_in_as_two_halves_of_four() -> None:
    weights = 32 * (4 * 4096 * 4096 + 3 * 4096 * 11008)
    halves = predicted(LLAMA2_7B, bits=8, backend=ORT).weights["linear layers"]
    whole = predicted(LLAMA2_7B, bits=8, backend=ORT, activations="int8").weights["linear layers"]
    assert halves == weights + weights // 128 * (8 + 1)
    assert whole == weights + weights // 128 * (4 + 1)


def test_int8_inputs_bring_an_int8_head() -> None:
    plain, eight = (
        predicted(LLAMA2_7B, bits=4, backend=ORT, activations=way) for way in ("float32", "int8")
    )
    assert plain.weights["head"] == 32000 * 4096 * 4
    assert eight.weights["head"] == 32000 * 4096 + 32000 * 128 * 4
    assert eight.precision == "int4 + int8 activations"


def test_the_cache_is_float32() -> None:
    assert predicted(LLAMA2_7B, backend=ORT).kv == 32 * 2 * 32 * 128 * 3072 * 4


def test_while_loading_the_head_is_there_twice() -> None:
    found = predicted(LLAMA2_7B, bits=4, backend=ORT).resident
    assert found["loading_peak_bytes"] - found["loaded_bytes"] == 32000 * 4096 * 4


def test_a_short_prompt_touches_little_of_the_embedding() -> None:
    short = predicted(GPT2, backend=ORT, max_input_len=1, max_output_len=1)
    assert short.total - short.resident["run_peak_bytes"] > 0.9 * short.weights["embedding"]
    long = predicted(GPT2, backend=ORT, max_batch_size=64, max_input_len=1000, max_output_len=24)
    assert long.total - long.resident["run_peak_bytes"] < 0.01 * long.weights["embedding"]


@given(
    st.sampled_from([0, 2, 3, 4, 8]),
    st.sampled_from(["float32", "int8"]),
    st.integers(1, 8),
    st.integers(1, 800),
)
def test_what_is_resident_is_part_of_the_whole(bits: int, way: str, batch: int, into: int) -> None:
    found = predicted(
        GPT2, bits, backend=ORT, activations=way, max_batch_size=batch, max_input_len=into
    )
    resident = found.resident
    assert resident["loaded_bytes"] < resident["run_peak_bytes"] <= found.total
    assert found.needed == max(found.total, resident["loading_peak_bytes"])


@pytest.mark.model
@pytest.mark.parametrize("way", ["float32", "int8"])
@pytest.mark.parametrize("which", ["demo", "int4"])
def test_the_weights_are_those_of_a_real_engine(
    which: str, way: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    onnx: Any = pytest.importorskip("onnx")
    pytest.importorskip("torch")
    from coldforge.engine.commands.build import run_build
    from coldforge.engine.commands.memory import run_memory

    model = request.getfixturevalue(which)
    run_build(str(model), str(tmp_path / "engine"), activations=way)

    graph = onnx.load(tmp_path / "engine" / "model.onnx", load_external_data=False).graph
    sizes = {
        item.name: onnx.helper.tensor_dtype_to_np_dtype(item.data_type).itemsize
        * int(onnx.numpy_helper.np.prod(item.dims))
        for item in graph.initializer
    }
    constants = {"axis", "one"}
    real = sum(size for name, size in sizes.items() if name not in constants)
    found = run_memory(str(model), backend=ORT, activations=way)
    assert found["weights_bytes"] == real


@pytest.mark.parametrize("asked", [{"tp": 2}, {"pp": 2}, {"int8_kv_cache": True}])
def test_what_no_engine_of_it_has_is_refused(asked: dict[str, Any]) -> None:
    flag = next(iter(asked)).replace("_", "-")
    with pytest.raises(ColdforgeError, match=f"onnxruntime has no --{flag}") as caught:
        predicted(LLAMA2_7B, backend="onnxruntime", **asked)
    assert "leave it out" in caught.value.hint
