"""A sound bundle to be tampered with, and a place that would take it in."""

import shutil
from pathlib import Path

import pytest

from coldforge.paths import Workspace
from tests.bundle.bundles import (
    bundle,
    make_item,
    site,
)
from tests.bundle.tampering import A, B


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound bundle of two items of the same size, signed by `sender`."""
    folder = tmp_path_factory.mktemp("sound")
    bundle(folder / "out", [make_item(folder / "in", "a", A), make_item(folder / "in", "b", B)])
    return folder / "out"


@pytest.fixture
def out(tmp_path: Path, sound: Path) -> Path:
    """A copy of it, to be tampered with."""
    return shutil.copytree(sound, tmp_path / "out")


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return site(tmp_path / "closed")
