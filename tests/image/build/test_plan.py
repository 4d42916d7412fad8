import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from coldforge.image.build.build import build_context
from coldforge.image.build.cache import Cache
from coldforge.image.build.cache_key import key
from coldforge.image.build.plan import Planned, layer_description, plan, wheel_description
from coldforge.image.layers.context import BuildContext
from coldforge.image.oci.layout import LAYER
from coldforge.paths import Workspace
from coldforge.stack.lock import Lock, read_lock, write_lock


class Pretender:
    """Pretends to have built the steps of stack `trio`."""

    def __init__(self, space: Workspace) -> None:
        self.space = space

    @property
    def context(self) -> BuildContext:
        return build_context(Workspace(self.space.root), "trio")

    def plan(self) -> dict[str, Planned]:
        context = self.context
        return {item.name: item for item in plan(context, Cache(context.root / "cache"))}

    def why(self) -> dict[str, list[str]]:
        """Name the steps to be made and why."""
        return {name: item.why for name, item in self.plan().items() if not item.cached}

    def build(self, salt: str = "") -> None:
        """Record a result of every step, and lay its blob down."""
        context, below = self.context, list[str]()
        cache = Cache(context.root / "cache")
        for name, recipe in context.stack.layers.items():
            wheels = {}
            for wheel in recipe.inputs.wheels:
                description = wheel_description(context, wheel, name, below)
                file = context.root / "wheels" / key(description)[:16] / f"{wheel}.whl"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(wheel + salt, "utf-8")
                wheels[wheel] = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
                result = {"file": file.name, "digest": wheels[wheel]}
                cache.put(f"wheel/{wheel}", description, result)
            description = layer_description(context, name, wheels, below)
            with context.layout.scratch() as stream:
                data = (name + salt).encode()
                stream.write(data)
                made = context.layout.keep(stream, hashlib.sha256(data).hexdigest(), LAYER)
            cache.put(name, description, {"digest": made.digest, "size": str(made.size)})
            below.append(made.digest)


@pytest.fixture
def built(trio: Workspace) -> Pretender:
    pretender = Pretender(trio)
    pretender.build()
    return pretender


@pytest.fixture
def edit(trio: Workspace) -> Callable[[str, str, str], None]:
    def change(name: str, old: str, new: str) -> None:
        place = trio.root / name
        place.write_text(place.read_text("utf-8").replace(old, new), "utf-8")

    return change


Edit = Callable[[str, str, str], None]


def test_the_first_time_everything_is_made_from_the_bottom(trio: Workspace) -> None:
    pretender = Pretender(trio)
    assert list(pretender.plan()) == ["base", "wheel/demo", "python", "top"]
    why = pretender.why()
    assert why["base"] == ["never built here"]
    assert why["wheel/demo"] == why["top"] == ["waits for base"]
    assert why["python"] == ["waits for demo"]


def test_planning_makes_nothing(trio: Workspace) -> None:
    Pretender(trio).plan()
    assert not trio.build.exists()


def test_with_nothing_changed_everything_is_cached(built: Pretender) -> None:
    assert built.why() == {}
    assert built.plan()["base"].cached == "sha256:" + hashlib.sha256(b"base").hexdigest()


def test_a_changed_script_is_named_and_what_runs_above_waits(built: Pretender, edit: Edit) -> None:
    edit("docker/layers/base/build.sh", "true", "false")
    assert built.why() == {
        "base": ["file build.sh changed"],
        "wheel/demo": ["waits for base"],
        "python": ["waits for demo"],
        "top": ["waits for base"],
    }


def test_a_changed_package_is_named(built: Pretender, trio: Workspace) -> None:
    text = trio.lock("trio").read_text("utf-8")
    old = hashlib.sha256(b"dash of base").hexdigest()
    trio.lock("trio").write_text(text.replace(old, "0" * 64), "utf-8")
    assert built.why()["base"] == ["input debian:dash 1 changed"]


def test_a_changed_wheel_leaves_the_layers_below_cached(built: Pretender, edit: Edit) -> None:
    edit("wheels/build.py", "()", "( )")
    assert built.why() == {
        "wheel/demo": ["file build.py changed"],
        "python": ["waits for demo"],
        "top": ["waits for python"],
    }


def test_a_change_at_the_top_leaves_all_else_cached(built: Pretender, edit: Edit) -> None:
    edit("top.txt", "top", "tip")
    assert built.why() == {"top": ["file top.txt changed"]}


def test_an_assembled_layer_does_not_wait_for_what_is_below(
    built: Pretender, edit: Edit, trio: Workspace
) -> None:
    """It holds the same bytes whatever lies below it."""
    (trio.layers / "python" / "layer.toml").write_text(
        'summary = "One file"\n[inputs]\nfiles = { "top.txt" = "/usr/top.txt" }\n', "utf-8"
    )
    lock = read_lock(trio.lock("trio"))
    kept = {"base": lock.requests["base"], "python": [], "top": []}
    write_lock(trio.lock("trio"), Lock(1, "trio", kept, [], lock.of("base")))
    built.build()
    assert built.why() == {}
    edit("docker/layers/base/build.sh", "true", "false")
    assert built.why() == {"base": ["file build.sh changed"], "top": ["waits for base"]}


def test_a_removed_blob_is_named(built: Pretender) -> None:
    context = built.context
    context.layout.blob(built.plan()["python"].cached).unlink()
    assert built.why()["python"] == ["its blob was removed"]
    assert "base" not in built.why()


def test_a_removed_wheel_is_named(built: Pretender) -> None:
    (wheel,) = (built.context.root / "wheels").glob("*/demo.whl")
    wheel.unlink()
    assert built.why()["wheel/demo"] == ["its file was removed"]


def test_going_back_finds_the_older_result(built: Pretender, edit: Edit) -> None:
    edit("top.txt", "top", "tip")
    built.build()
    edit("top.txt", "tip", "top")
    assert built.why() == {}


def test_a_check_changes_no_plan(built: Pretender, edit: Edit) -> None:
    edit("docker/layers/base/check.sh", "true", "false")
    edit("probes/one", "1", "2")
    assert built.why() == {}


def test_a_plan_needs_no_mirror(built: Pretender, tmp_path: Path) -> None:
    (built.space.mirror / "blobs").rename(tmp_path / "away")
    assert built.why() == {}
