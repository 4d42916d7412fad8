"""What a build does while files that somebody must bring are not there."""

import subprocess
from pathlib import Path
from typing import NoReturn

import pytest
from invoke.context import Context

from coldforge.errors import MissingInputError
from coldforge.image.build.build import build, build_context
from coldforge.image.build.builder import BuiltImage
from coldforge.image.build.cache import Cache
from coldforge.image.build.plan import plan
from coldforge.mirror.add import add
from coldforge.paths import Workspace
from coldforge.stack.lock import Lock, write_lock
from coldforge.stack.stack import read_stack
from coldforge.tasks import image
from tests.mirror.handmade import NAME, VERSION, checkout, tensorrt

RULE = '[[place]]\ninput = "tensorrt"\nto = "/"\n'
WHEEL = 'summary = ""\nrelease = true\n'


def unwanted() -> NoReturn:
    raise AssertionError("an engine was asked for")


def built(space: Workspace) -> BuiltImage:
    return build(build_context(space, "top"), unwanted)


def made(space: Workspace) -> list[str]:
    """Name the layers that a build has made."""
    steps = plan(build_context(space, "top"), Cache(space.build / "cache"))
    return [step.name for step in steps if step.cached]


@pytest.fixture
def space(workspace: Workspace) -> Workspace:
    """Stack `top`: the layer that lacks TensorRT lies between two that lack nothing."""
    checkout(workspace, ["tensorrt"])
    layer = workspace.layers / "libraries" / "layer.toml"
    layer.write_text(layer.read_text("utf-8") + RULE, "utf-8")
    (workspace.layers / "above").mkdir()
    text = 'summary = ""\n[inputs]\nfiles = { "hello.txt" = "/above.txt" }\n'
    (workspace.layers / "above" / "layer.toml").write_text(text, "utf-8")
    layers(workspace, "top", '"hello", "libraries", "above"')
    return workspace


def layers(space: Workspace, stack: str, names: str) -> None:
    path = space.stacks / f"{stack}.toml"
    lines = path.read_text("utf-8").splitlines()
    lines = [f"layers = [{names}]" if line.startswith("layers") else line for line in lines]
    path.write_text("\n".join(lines), "utf-8")
    write_lock(space.lock(stack), Lock(1, stack, read_stack(space, stack).requests(), [], []))


def test_what_can_be_made_is_made_and_the_rest_is_asked_for(
    space: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MissingInputError, match="lacks files that must be brought: tensorrt"):
        built(space)
    assert made(space) == ["hello", "above"]
    assert f"  {NAME.format(version=VERSION)}\n" in capsys.readouterr().err


def test_the_task_shows_one_screen_and_exits_with_3(
    space: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLDFORGE_ROOT", str(space.root))
    monkeypatch.delenv("COLDFORGE_DEBUG", raising=False)
    with pytest.raises(SystemExit) as caught:
        image.build(Context(), stack="top")
    said = capsys.readouterr().err
    assert caught.value.code == 3
    assert said.count("top needs 1 file that must be brought by hand:") == 1
    assert "  ./invokew mirror.add --stack top FILE" in said
    assert max(map(len, said.splitlines())) <= 100
    assert "Traceback" not in said


def test_the_day_the_file_arrives_the_build_goes_through(space: Workspace, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        built(space)
    add(space, "top", tensorrt(tmp_path))
    done = built(space)
    assert list(done.layers) == ["hello", "libraries", "above"]
    assert made(space) == ["hello", "libraries", "above"]
    blob = build_context(space, "top").layout.blob(done.layers["libraries"].digest)
    listed = subprocess.run(["tar", "tf", blob], capture_output=True, text=True, check=True).stdout
    assert f"TensorRT-{VERSION}/include/NvInferVersion.h" in listed.split()


def test_what_a_builder_stack_lacks_is_asked_for_and_its_other_layers_are_made(
    space: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    (space.wheels / "engine").mkdir()
    (space.wheels / "engine" / "wheel.toml").write_text(WHEEL, "utf-8")
    (space.wheels / "release.py").write_text("print()\n", "utf-8")
    text = 'summary = ""\n[inputs]\nwheels = ["engine"]\n'
    (space.layers / "above" / "layer.toml").write_text(text, "utf-8")
    layers(space, "top", '"hello", "above"')
    layers(space, "shop", '"hello", "compiler"')
    with pytest.raises(MissingInputError, match=r"stack top lacks .* brought: tensorrt"):
        built(space)
    said = capsys.readouterr().err
    assert "    for     compiler of shop\n" in said
    assert "./invokew mirror.add --stack top FILE" in said
    assert made(space) == ["shop/hello", "hello"]
