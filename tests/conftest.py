"""What every test may ask for: a tiny checkout, a Docker Engine, a model trained for real."""

import importlib.util
import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from coldforge.errors import ColdforgeError
from coldforge.paths import Workspace
from tests.smallmodels import PACKED, PLAIN, write_model

CHECKOUT = Path(__file__).resolve().parents[1]
CACHE = CHECKOUT / "build" / "cache" / "hypothesis"

# Read when torch is loaded: on a shared machine, threads that spin while they wait cost tenfold.
os.environ.setdefault("GOMP_SPINCOUNT", "0")
# As coldforge.model.runtime sets them, but before a test module imports torch.
os.environ.setdefault("MKL_CBWR", "AVX2")
os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx2")
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(CACHE))
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_configure() -> None:
    """Import torchao where it is: it warns while it is compiled, which fails the test it is in."""
    if importlib.util.find_spec("torchao"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("torchao")


STACK = """\
summary = "One file"
epoch = 1735689600
layers = ["hello"]
"""
LAYER = """\
summary = "A file of the checkout"

[inputs]
files = { "hello.txt" = "/hello.txt" }
"""


@pytest.fixture
def checkout() -> Path:
    """The checkout under test."""
    return CHECKOUT


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A tiny checkout: stack `tiny`, whose one layer `hello` holds one file."""
    space = Workspace(tmp_path / "checkout")
    (space.layers / "hello").mkdir(parents=True)
    space.stacks.mkdir()
    space.wheels.mkdir()
    space.mirror.mkdir()
    (space.stacks / "tiny.toml").write_text(STACK, "utf-8")
    (space.layers / "hello" / "layer.toml").write_text(LAYER, "utf-8")
    (space.root / "hello.txt").write_text("hello\n", "utf-8")
    return space


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """A client of the user's Docker Engine. Without one: skipped, but failed in CI."""
    from coldforge.host.docker_client import connect

    try:
        client = connect()
    except ColdforgeError as error:
        if os.environ.get("CI") or os.environ.get("COLDFORGE_YES") == "1":
            pytest.fail(error.message)
        pytest.skip(f"{error.message}; {error.hint}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo model after a few steps: real files, no wisdom."""
    pytest.importorskip("torch")
    from coldforge.demo.demo import run_demo

    out = tmp_path_factory.mktemp("demo") / "model"
    run_demo(str(out), steps=3)
    return out


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A text to calibrate with that is read in no time: one module of the standard library."""
    import argparse

    place = tmp_path_factory.mktemp("text") / "argparse.py"
    shutil.copyfile(argparse.__file__, place)
    return str(place)


@pytest.fixture(scope="session")
def int4(demo: Path, text: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo model in four bits."""
    from coldforge.quantize.quantize import run_quantize

    out = tmp_path_factory.mktemp("int4") / "model"
    run_quantize(str(demo), str(out), samples=4, calibration=text)
    return out


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A model directory with one linear layer of 4 by 8 weights."""
    return write_model(tmp_path / "plain", PLAIN)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A GPTQ directory with one linear layer of 32 by 64 weights in two groups."""
    return write_model(
        tmp_path / "packed",
        PACKED,
        quantization_config={"quant_method": "gptq", "bits": 4, "checkpoint_format": "gptq"},
    )
