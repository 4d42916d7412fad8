"""A backend of a tmp folder, found by the door alone."""

import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import coldforge.engine
from coldforge.engine.backend import (
    BUILT,
    PREDICTED,
    BuildsOnHost,
    backends,
    choices,
    complete,
    find_backend,
)
from coldforge.engine.bench.plan import Measuring
from coldforge.engine.card import read_engine
from coldforge.engine.commands.bench import run_bench
from coldforge.engine.commands.build import run_build
from coldforge.engine.commands.memory import run_memory
from coldforge.engine.generate import load_runner
from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.experiments.sweep.matrix import read_matrix
from coldforge.tasks.engine_build import own_options
from tests.smallmodels import PLAIN, write_model

ABACUS = '''
import json
from coldforge.engine.backend import Option
from coldforge.engine.memory.prediction import Prediction
from coldforge.errors import ColdforgeError

class Rods:
    """Counts on from the last token."""
    positions, vocab = 64, 11

    def follow(self, prompts, count):
        for step in range(1, count + 1):
            yield [(prompt[-1] + step) % self.vocab for prompt in prompts]

class Abacus:
    name = title = "abacus"
    options = (Option("beads", 10, "a rod."), Option("wooden", False, "not plastic."))
    libraries = ("pytest",)
    on_card = False
    lacks = {"tp": "one abacus"}

    def check(self, asked):
        if asked["beads"] < 1:
            raise ColdforgeError("--beads 0", "give 1 or more")

    def build(self, checkpoint, folder, asked):
        (folder / "config.json").write_text((checkpoint.folder / "config.json").read_text())
        (folder / "rods").write_bytes(bytes(asked["beads"]))
        return {"precision": "int8", "settings": dict(asked)}

    def load_libraries(self, engine):
        pass

    def open(self, engine, threads):
        assert (engine.folder / "rods").is_file()
        return Rods()

    def predict(self, outline, settings):
        return Prediction("int8", {"rods": 7}, 1, {"hands": 2}, {"weights": "counted"})

    def lossless(self, engine):
        return True

    def logits(self, engine):
        raise NotImplementedError

    def not_compared(self):
        return "it counts"

BACKEND = Abacus()
'''
CONFIG = {
    "model_type": "llama", "hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1,
    "intermediate_size": 16, "vocab_size": 11, "max_position_embeddings": 64,
}  # fmt: skip
EXTEND = "import coldforge.engine\ncoldforge.engine.__path__.append({!r})\n"


@pytest.fixture
def abacus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Add a backend by a file; also for processes that are started."""
    place = tmp_path / "more"
    place.mkdir()
    (place / "abacus.py").write_text(ABACUS, "utf-8")
    monkeypatch.setattr(coldforge.engine, "__path__", [*coldforge.engine.__path__, str(place)])
    start = tmp_path / "start"
    start.mkdir()
    (start / "sitecustomize.py").write_text(EXTEND.format(str(place)), "utf-8")
    paths = [str(start), str(Path(coldforge.engine.__file__ or "").parents[2])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    yield
    sys.modules.pop("coldforge.engine.abacus", None)
    vars(coldforge.engine).pop("abacus", None)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    write_model(folder, PLAIN)
    (folder / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    return folder


@pytest.mark.usefixtures("abacus")
def test_a_file_is_a_backend() -> None:
    assert set(backends()) >= {"abacus", "onnxruntime", "tensorrt-llm"}
    assert choices(BUILT) == "onnxruntime, abacus or tensorrt-llm"
    assert choices(PREDICTED) == "tensorrt-llm, abacus or onnxruntime"
    assert complete(find_backend("abacus"), {"beads": 3}) == {"beads": 3, "wooden": False}
    with pytest.raises(UnknownNameError, match="unknown option of abacus 'activations'"):
        complete(find_backend("abacus"), {"activations": "int8"})


@pytest.mark.usefixtures("abacus")
def test_its_options_are_flags_of_engine_build(checkout: Path) -> None:
    command = [sys.executable, "-m", "invoke", "--help", "engine.build"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=checkout)
    rows = " ".join(shown.stdout.split())
    assert "--beads=INT abacus: a rod." in rows
    assert "--wooden abacus: not plastic." in rows
    assert "--backend=STRING onnxruntime, abacus or tensorrt-llm." in rows
    with pytest.raises(ColdforgeError, match="--beads is for abacus") as caught:
        own_options("onnxruntime", {"beads": 3})
    assert "--backend abacus" in caught.value.hint
    assert own_options("abacus", {"beads": 3}) == {"beads": 3, "wooden": False}


@pytest.mark.usefixtures("abacus")
def test_it_builds_an_engine_that_runs(model: Path, tmp_path: Path) -> None:
    card = run_build(str(model), str(tmp_path / "engine"), "abacus", beads=3)
    engine = read_engine(tmp_path / "engine")
    assert (engine.backend, engine.precision) == ("abacus", "int8")
    assert engine.card["settings"] == {"beads": 3, "wooden": False}
    assert engine.card["digest"] == card["digest"]
    assert card["versions"]["pytest"] == pytest.__version__
    assert list(load_runner(engine).follow([[4]], 2)) == [[5], [6]]
    with pytest.raises(ColdforgeError, match="--beads 0"):
        run_build(str(model), str(tmp_path / "none"), "abacus", beads=0)
    assert not (tmp_path / "none").exists()


@pytest.mark.usefixtures("abacus")
def test_its_engines_are_benched(model: Path, tmp_path: Path) -> None:
    run_build(str(model), str(tmp_path / "engine"), "abacus")
    found = run_bench([str(tmp_path / "engine")], Measuring("4,2;2,3", repeats=1, warmup=0))
    (engine,) = found["engines"]
    assert engine["backend"] == "abacus"
    assert [cell["output_len"] for cell in engine["cells"]] == [2, 3]


@pytest.mark.usefixtures("abacus")
def test_its_memory_is_predicted(model: Path) -> None:
    found = run_memory(str(model), backend="abacus")
    assert (found["backend"], found["total_bytes"]) == ("abacus", 10)
    assert [card["name"] for card in found["cards"]] == ["this machine"]
    with pytest.raises(ColdforgeError, match="of abacus has no --tp: one abacus"):
        run_memory(str(model), backend="abacus", tp=2)


@pytest.mark.usefixtures("abacus")
def test_a_sweep_takes_it(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(f'models = ["{model}"]\nmethods = ["fp16"]\nbackends = ["abacus"]\n', "utf-8")
    assert [item.backend for item in read_matrix(path).backends] == ["abacus"]


def test_every_folder_of_a_backend_has_one() -> None:
    packages = {item.name for item in pkgutil.iter_modules(coldforge.engine.__path__)}
    assert {"onnxruntime", "tensorrt_llm"} <= packages
    assert not isinstance(find_backend("onnxruntime"), BuildsOnHost)
    assert isinstance(find_backend("tensorrt-llm"), BuildsOnHost)


@pytest.mark.parametrize("name", ["onnxruntime", "tensorrt-llm"])
def test_each_says_why_it_is_not_compared(name: str) -> None:
    backend: Any = find_backend(name)
    assert backend.not_compared()
    assert backend.title
