"""Tiny engines, built once."""

from pathlib import Path

import pytest


def _build(checkpoint: Path, parent: Path, activations: str = "float32") -> Path:
    """Build an ONNX Runtime engine; skip where its libraries are not."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from coldforge.engine.commands.build import run_build

    run_build(str(checkpoint), str(parent / "engine"), activations=activations)
    return parent / "engine"


@pytest.fixture(scope="session")
def fp32_engine(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo model, unquantised, for ONNX Runtime."""
    return _build(demo, tmp_path_factory.mktemp("fp32"))


@pytest.fixture(scope="session")
def int4_engine(int4: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo model in four bits, for ONNX Runtime, lossless."""
    return _build(int4, tmp_path_factory.mktemp("int4-engine"))
