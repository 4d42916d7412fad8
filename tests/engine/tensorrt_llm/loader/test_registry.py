import sys
from pathlib import Path

import pytest

from coldforge.engine.commands.check import run_check
from coldforge.engine.tensorrt_llm import loader
from coldforge.engine.tensorrt_llm.loader.registry import find_loader, loaders, release_names
from coldforge.errors import UnknownNameError
from coldforge.paths import Workspace
from tests.smallmodels import PLAIN, write_model

LATER = """
from coldforge.engine.tensorrt_llm.loader.v1_2 import V1_2

class V9_10(V1_2):
    name = "9.10"

LOADER = V9_10()
"""

OURS = ["0.5.0", "0.10", "1.2"]  # in the order of their versions


def test_a_release_is_found_by_its_name(checkout: Path) -> None:
    assert [loader.name for loader in loaders().values()] == list(loaders())
    assert [name for name in release_names() if name in OURS] == OURS
    assert set(loaders()) == set(release_names())
    assert all((Workspace(checkout).releases / f"{name}.toml").is_file() for name in loaders())
    assert find_loader("0.5.0").one_file
    with pytest.raises(UnknownNameError) as caught:
        find_loader("2.0")
    assert caught.value.hint == f"known: {', '.join(sorted(release_names()))}"


def test_a_file_is_a_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "more"
    place.mkdir()
    (place / "v9_10.py").write_text(LATER, "utf-8")
    monkeypatch.setattr(loader, "__path__", [*loader.__path__, str(place)])
    assert [name for name in release_names() if name in {*OURS, "9.10"}] == [*OURS, "9.10"]
    write_model(tmp_path / "model", PLAIN)
    (tmp_path / "model" / "model.safetensors").unlink()
    try:
        assert find_loader("9.10").rope == find_loader("1.2").rope
        assert run_check(str(tmp_path / "model"), "9.10")["release"] == "9.10"
    finally:
        sys.modules.pop(f"{loader.__name__}.v9_10", None)
