"""Items of a bundle, where it goes, and a place that takes it in."""

from pathlib import Path

import pytest

from coldforge.bundle.packing.items import BundleItem
from coldforge.paths import Workspace
from tests.bundle.bundles import (
    make_items,
    site,
)


@pytest.fixture
def items(tmp_path: Path) -> list[BundleItem]:
    return make_items(tmp_path / "in")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return site(tmp_path / "closed")
