from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.paths import Workspace


def test_the_nearest_folder_upwards_with_stacks_is_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLDFORGE_ROOT", raising=False)
    (tmp_path / "docker" / "stacks").mkdir(parents=True)
    (tmp_path / "a" / "b").mkdir(parents=True)
    for place in (tmp_path, tmp_path / "a" / "b"):
        monkeypatch.chdir(place)
        assert Workspace.find().root == tmp_path.resolve()


def test_the_environment_names_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLDFORGE_ROOT", str(tmp_path / "x" / ".."))
    assert Workspace.find().root == tmp_path.resolve()


def test_elsewhere_is_an_error_with_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLDFORGE_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ColdforgeError, match="not a checkout") as caught:
        Workspace.find()
    assert caught.value.hint


def test_every_folder_is_inside_the_checkout(tmp_path: Path) -> None:
    space = Workspace(tmp_path)
    folders = (space.stacks, space.layers, space.releases, space.wheels, space.mirror, space.build)
    inside = (*folders, space.site, space.trust, space.lock("cpu"))
    assert all(path.is_relative_to(tmp_path) for path in inside)
    assert space.lock("cpu").name == "cpu.lock"
