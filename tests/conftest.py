"""What every test may ask for: a tiny checkout, a Docker Engine, and repeatable examples."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from coldforge.errors import ColdforgeError
from coldforge.paths import Workspace

CHECKOUT = Path(__file__).resolve().parents[1]
CACHE = CHECKOUT / "build" / "cache" / "hypothesis"

os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(CACHE))
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")

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
    from coldforge.host.engine import connect

    try:
        client = connect()
    except ColdforgeError as error:
        if os.environ.get("CI") or os.environ.get("COLDFORGE_YES") == "1":
            pytest.fail(error.message)
        pytest.skip(f"{error.message}; {error.hint}")
    yield client
    client.close()
