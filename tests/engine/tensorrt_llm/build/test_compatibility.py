from pathlib import Path

import pytest

from coldforge.engine.card import Engine
from coldforge.engine.tensorrt_llm.build.compatibility import check_runtime
from coldforge.engine.tensorrt_llm.build.gpu import Gpu
from coldforge.errors import ColdforgeError

A10, L40S = Gpu("NVIDIA A10", "8.6", "550"), Gpu("NVIDIA L40S", "8.9", "550")
CARD = {
    "backend": "tensorrt-llm",
    "release": "0.5.0",
    "tensorrt": "9.1.0.4",
    "gpu": {"name": "NVIDIA A10", "capability": "8.6", "driver": "535"},
}


def test_an_engine_runs_where_it_was_built_for() -> None:
    check_runtime(Engine(Path("e"), CARD), "9.1.0.4", A10)


def test_another_tensorrt_is_refused_with_the_release_to_use() -> None:
    with pytest.raises(
        ColdforgeError, match="built with TensorRT 9\\.1\\.0\\.4, here is 10"
    ) as got:
        check_runtime(Engine(Path("e"), CARD), "10.0.1.6", A10)
    assert "release 0.5.0" in got.value.hint


def test_another_kind_of_card_is_refused() -> None:
    with pytest.raises(ColdforgeError, match="here is NVIDIA L40S"):
        check_runtime(Engine(Path("e"), CARD), "9.1.0.4", L40S)


def test_other_backends_do_not_care() -> None:
    check_runtime(Engine(Path("e"), {"backend": "onnxruntime"}), "1", L40S)
