"""Items of a bundle, where it goes, and a place that takes it in."""

from pathlib import Path

import pytest

from coldforge.bundle.packing.items import BundleItem
from coldforge.paths import Workspace
from tests.bundle.carry import (
    place,
    sources,
)


@pytest.fixture
def items(tmp_path: Path) -> list[BundleItem]:
    return sources(tmp_path / "in")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return place(tmp_path / "closed")
