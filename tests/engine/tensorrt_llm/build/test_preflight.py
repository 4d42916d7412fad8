from pathlib import Path
from typing import Any

import pytest

from coldforge.engine.tensorrt_llm.build import preflight
from coldforge.engine.tensorrt_llm.build.gpu import Gpu
from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.paths import Workspace

A10 = Gpu("NVIDIA A10", "8.6", "550.54.14")
NONE = ([], "no NVIDIA driver: nvidia-smi is not there")


@pytest.fixture
def here(checkout: Path) -> Workspace:
    """This checkout, with nothing in its mirror's store."""
    return Workspace(checkout)


@pytest.fixture(autouse=True)
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "find_gpus", lambda: NONE)


def test_everything_that_is_missing_is_named_at_once(
    build_request: Any, here: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coldforge.mirror.store.Store.has", lambda *_: False)
    with pytest.raises(MissingInputError, match="nvidia-smi is not there") as caught:
        preflight.find_prerequisites(here, build_request("0.5.0"))
    assert "TensorRT-9.1.0.4.Linux.x86_64-gnu.cuda-12.2.tar.gz" in caught.value.message
    assert "cuda_12.2.2_535.104.05_linux.run" in caught.value.message
    assert "engine.check --checkpoint" in caught.value.hint
    assert "--backend onnxruntime" in caught.value.hint


def test_a_release_without_an_image_says_so(build_request: Any, here: Workspace) -> None:
    with pytest.raises(ColdforgeError, match="no stack makes its image"):
        preflight.find_prerequisites(here, build_request("0.10"))


def test_a_card_that_the_code_is_not_for_is_refused(
    build_request: Any, here: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    hopper = Gpu("NVIDIA H100", "9.0", "550.54.14")
    monkeypatch.setattr(preflight, "find_gpus", lambda: ([hopper], ""))
    monkeypatch.setattr(preflight, "all_files_to_bring", lambda *_: [])
    with pytest.raises(ColdforgeError, match="H100 has compute capability 9\\.0"):
        preflight.find_prerequisites(here, build_request("0.5.0"))


def test_where_nothing_is_missing_card_stack_and_lock_are_given(
    build_request: Any, here: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "find_gpus", lambda: ([A10], ""))
    monkeypatch.setattr(preflight, "all_files_to_bring", lambda *_: [])
    found = preflight.find_prerequisites(here, build_request("0.5.0"))
    assert (found.gpu, found.stack.name, found.lock.stack) == (A10, "trtllm-0.5.0", "trtllm-0.5.0")


def test_a_release_that_would_fetch_its_calibration_is_refused(
    build_request: Any, here: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(ColdforgeError, match="calibrates on what it fetches"):
        preflight.find_prerequisites(here, build_request("0.5.0", precision="w8a8"))
    with pytest.raises(ColdforgeError, match="calibrates on cnn_dailymail"):
        preflight.find_prerequisites(here, build_request("1.2", int8_kv_cache=True))
    with pytest.raises(ColdforgeError, match="no such folder"):
        preflight.find_prerequisites(
            here, build_request("1.2", precision="w8a8", calibration=str(tmp_path / "none"))
        )
