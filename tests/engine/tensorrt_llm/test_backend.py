from pathlib import Path

import pytest

from coldforge.engine.card import Engine, read_engine
from coldforge.engine.generate import load_runner
from coldforge.engine.tensorrt_llm import backend
from coldforge.engine.tensorrt_llm.backend import check_runtime
from coldforge.engine.tensorrt_llm.build.gpu import Gpu
from coldforge.errors import ColdforgeError
from tests.engine.rig import folder

A10, L40S = Gpu("NVIDIA A10", "8.6", "550.1"), Gpu("NVIDIA L40S", "8.9", "550")


@pytest.fixture
def built(tmp_path: Path) -> Engine:
    gpu = {"name": A10.name, "capability": A10.capability}
    facts = {"release": "0.5.0", "tensorrt": "9.0.1", "gpu": gpu}
    return read_engine(folder(tmp_path / "engine", backend="tensorrt-llm", **facts))


def test_what_is_missing_is_named(built: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "find_gpus", lambda: ([], "no NVIDIA driver"))
    monkeypatch.setattr(backend, "NEEDED", ("json", "no_such_module"))
    with pytest.raises(ColdforgeError, match="here: no no_such_module; no NVIDIA driver") as caught:
        load_runner(built)
    assert "onnxruntime" in caught.value.hint


def test_another_tensorrt_is_refused(built: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "find_gpus", lambda: ([A10], ""))
    monkeypatch.setattr(backend, "NEEDED", ())
    monkeypatch.setattr(backend, "version", lambda name: "10.1")
    with pytest.raises(ColdforgeError, match=r"was built with TensorRT 9\.0\.1, here is 10\.1"):
        load_runner(built)
    monkeypatch.setattr(backend, "version", lambda name: "9.0.1")
    with pytest.raises(ColdforgeError, match="is run by TensorRT-LLM itself"):
        load_runner(built)


def test_an_engine_runs_where_it_was_built_for(built: Engine) -> None:
    check_runtime(built, "9.0.1", A10)


def test_another_tensorrt_is_refused_with_the_release_to_use(built: Engine) -> None:
    with pytest.raises(ColdforgeError, match="built with TensorRT 9\\.0\\.1, here is 10") as got:
        check_runtime(built, "10.0.1.6", A10)
    assert "release 0.5.0" in got.value.hint


def test_another_kind_of_card_is_refused(built: Engine) -> None:
    with pytest.raises(ColdforgeError, match="here is NVIDIA L40S"):
        check_runtime(built, "9.0.1", L40S)
