from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.paths import Workspace
from coldforge.stack.stack import read_stack

STACK = """
summary = "small"
epoch = 1
layers = ["base", "python"]
[debian]
suites = [{ name = "stable" }]
"""


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    space = Workspace(tmp_path)
    for folder in (space.stacks, space.layers / "base", space.layers / "python"):
        folder.mkdir(parents=True)
    (space.wheels / "demo").mkdir(parents=True)
    (space.stacks / "small.toml").write_text(STACK)
    base = 'summary = ""\n[inputs]\ndebian = ["tar", "dash"]'
    (space.layers / "base" / "layer.toml").write_text(base)
    python = 'summary = ""\n[inputs]\npython = ["six"]\nwheels = ["demo"]'
    (space.layers / "python" / "layer.toml").write_text(python)
    wheel = 'summary = ""\nsdist = "demo==1"\nrequires = ["setuptools"]'
    (space.wheels / "demo" / "wheel.toml").write_text(wheel)
    return space


def test_a_stack_reads_every_recipe_it_names(space: Workspace) -> None:
    stack = read_stack(space, "small")
    assert list(stack.layers) == ["base", "python"]
    assert list(stack.wheels) == ["demo"]
    assert stack.file.debian is not None
    assert stack.file.debian.suites[0].components == ["main"]


def test_requests_are_sorted_and_say_which_origin(space: Workspace) -> None:
    assert read_stack(space, "small").requests() == {
        "base": ["debian:dash", "debian:tar"],
        "python": ["python:six", "wheel:demo"],
        "wheel/demo": ["python:setuptools", "sdist:demo==1"],
    }


def test_an_unknown_stack_lists_the_known_ones(space: Workspace) -> None:
    with pytest.raises(UnknownNameError, match="unknown stack 'gpu'") as caught:
        read_stack(space, "gpu")
    assert caught.value.hint == "known: small"


def test_a_stack_that_names_an_unknown_layer_lists_the_known_ones(space: Workspace) -> None:
    (space.stacks / "small.toml").write_text(STACK.replace('"python"', '"pyton"'))
    with pytest.raises(UnknownNameError, match="unknown layer 'pyton'") as caught:
        read_stack(space, "small")
    assert caught.value.hint == "known: base, python"


def test_a_stack_of_the_wrong_shape_names_file_and_place(space: Workspace) -> None:
    (space.stacks / "small.toml").write_text(STACK.replace("epoch = 1", 'epoch = "new"'))
    with pytest.raises(ColdforgeError, match=r"small.toml: .*epoch") as caught:
        read_stack(space, "small")
    assert str(space.stacks / "small.toml") in caught.value.hint


def test_a_stack_that_is_not_toml_names_its_file(space: Workspace) -> None:
    (space.stacks / "small.toml").write_text("layers = [")
    with pytest.raises(ColdforgeError, match=r"small.toml is not TOML"):
        read_stack(space, "small")
