from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.tasks._in_image import Inside
from coldforge.tasks.engine_build import build, own_options


def test_a_flag_of_the_other_backend_is_refused() -> None:
    with pytest.raises(ColdforgeError, match="--tp is for tensorrt-llm") as caught:
        own_options("onnxruntime", {"tp": 2})
    assert "--backend tensorrt-llm" in caught.value.hint
    with pytest.raises(ColdforgeError, match="--dry-run is for tensorrt-llm"):
        own_options("onnxruntime", {"dry_run": True})
    with pytest.raises(ColdforgeError, match="--activations is for onnxruntime") as caught:
        own_options("tensorrt-llm", {"release": "1.2", "activations": "int8"})
    assert "--precision w8a8" in caught.value.hint
    assert own_options("onnxruntime", {"activations": "int8", "tp": 1}) == {"activations": "int8"}


def test_tensorrt_llm_without_a_release_is_asked_which() -> None:
    with pytest.raises(ColdforgeError, match="which TensorRT-LLM"):
        own_options("tensorrt-llm", {})
    with pytest.raises(UnknownNameError, match="tensorrt'"):
        own_options("tensorrt", {})


def test_folders_are_absolute() -> None:
    found = own_options("tensorrt-llm", {"release": "1.2", "calibration": "data"})
    assert found["calibration"] == str(Path("data").resolve())


def test_the_image_is_asked_what_the_host_was_asked(handed: list[Inside], tmp_path: Path) -> None:
    place: Any = tmp_path / "engine"
    with pytest.raises(SystemExit):  # nothing was made
        build(Context(), str(tmp_path), str(place), activations="int8")
    (work,) = handed
    assert work.flags[0] == f"--checkpoint={tmp_path}"
    assert work.flags[2:] == ["--activations=int8"]
    assert work.reads == [tmp_path]
