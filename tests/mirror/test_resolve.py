from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.mirror.origins.python import resolve as python
from coldforge.mirror.resolve import LockChange, changes, resolve
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, Lock, read_lock, write_lock
from coldforge.stack.recipe import Inputs, LayerRecipe, WheelRecipe
from coldforge.stack.stack import Python, Stack, StackFile


def entry(name: str, version: str = "1", use: str = "python", sha256: str = "0") -> Entry:
    return Entry(use, "python", name, version, f"{name}-{version}.whl", 1, sha256 * 64)


def lock(*entries: Entry) -> Lock:
    return Lock(1, "small", {}, [], list(entries))


def a_stack(inputs: Inputs, python: Python | None = None) -> Stack:
    file = StackFile("", 0, ["python"], python=python)
    wheels = {name: WheelRecipe("", f"{name}==1", ["backend"]) for name in inputs.wheels}
    return Stack("small", file, {"python": LayerRecipe("", inputs)}, wheels)


def test_two_equal_locks_have_no_changes() -> None:
    assert changes(lock(entry("a"), entry("b")), lock(entry("b"), entry("a"))) == []


def test_changes_are_told_by_use_and_name() -> None:
    before = lock(entry("gone"), entry("moved"), entry("same"), entry("bytes"))
    after = lock(entry("new"), entry("moved", "2"), entry("same"), entry("bytes", sha256="1"))
    assert changes(before, after) == [
        LockChange("python", "moved", "bytes", "1", "1"),
        LockChange("python", "removed", "gone", "1", ""),
        LockChange("python", "moved", "moved", "1", "2"),
        LockChange("python", "added", "new", "", "1"),
    ]


def test_one_package_in_two_uses_changes_in_each() -> None:
    before = lock(entry("a", use="wheel/x"), entry("a", use="wheel/y"))
    after = lock(entry("a", "2", use="wheel/x"), entry("a", use="wheel/y"))
    assert [change.use for change in changes(before, after)] == ["wheel/x"]


def test_a_first_lock_adds_everything() -> None:
    assert [change.kind for change in changes(None, lock(entry("a"), entry("b")))] == ["added"] * 2


class Resolved:
    """Stand in for the Python origin and note how it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: tuple[Any, ...] = ()
        monkeypatch.setattr(python, "resolve_python", self)

    def __call__(self, *asked: Any) -> list[Entry]:
        self.asked = asked
        return [entry("numpy"), entry("charset-normalizer")]


PYTHON = Python("3.11", "x86_64-manylinux_2_36", ["https://example.org/s"])


def test_layers_and_their_own_wheels_are_asked_for_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = a_stack(Inputs(python=["numpy"], wheels=["demo"]), PYTHON)
    resolved = Resolved(monkeypatch)
    made = resolve(Workspace(tmp_path), stack, set())
    target, asked, recipes, previous, update, cache = resolved.asked
    assert (target, asked) == (PYTHON, {"python": ["numpy", "demo==1"]})
    assert list(recipes) == ["demo"]
    assert (previous, update) == ([], set())
    assert cache.is_relative_to(tmp_path / "build")
    assert made.requests == stack.requests()
    assert not (tmp_path / "offline-mirror").exists()


def test_the_earlier_lock_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space, resolved = Workspace(tmp_path), Resolved(monkeypatch)
    stack = a_stack(Inputs(python=["numpy"]), PYTHON)
    write_lock(space.lock("small"), resolve(space, stack, set()))
    resolve(space, stack, {"numpy"})
    assert resolved.asked[3] == read_lock(space.lock("small")).entries
    assert resolved.asked[4] == {"numpy"}


def test_a_layer_new_to_a_stack_is_pinned_as_in_the_stack_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space, resolved = Workspace(tmp_path), Resolved(monkeypatch)
    shared, brought = entry("numpy"), Entry("python", "file", "sdk", "1", "sdk.tar", 1, "0" * 64)
    other = Lock(1, "other", {"python": ["python:numpy"]}, [], [shared, brought])
    write_lock(space.lock("other"), other)
    resolve(space, a_stack(Inputs(python=["numpy"]), PYTHON), set())
    assert resolved.asked[3] == [shared]


def test_a_stack_s_own_pins_come_before_another_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space, resolved = Workspace(tmp_path), Resolved(monkeypatch)
    stack = a_stack(Inputs(python=["numpy"]), PYTHON)
    own = Lock(1, "small", stack.requests(), [], [entry("numpy")])
    write_lock(space.lock("small"), own)
    write_lock(space.lock("other"), Lock(1, "other", own.requests, [], [entry("numpy", "2")]))
    resolve(space, stack, set())
    assert resolved.asked[3] == [entry("numpy")]


@pytest.mark.parametrize("name", ["numpy", "Charset_Normalizer", "*"])
def test_a_known_name_may_be_updated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    Resolved(monkeypatch)
    resolve(Workspace(tmp_path), a_stack(Inputs(python=["numpy"]), PYTHON), {name})


def test_an_unknown_name_to_update_lists_the_known_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolved(monkeypatch)
    stack = a_stack(Inputs(python=["numpy"]), PYTHON)
    with pytest.raises(UnknownNameError, match="unknown locked package 'nunpy'") as caught:
        resolve(Workspace(tmp_path), stack, {"nunpy"})
    assert caught.value.hint == "known: charset-normalizer, numpy"


@pytest.mark.parametrize(
    ("inputs", "section"),
    [(Inputs(python=["numpy"]), "[python]"), (Inputs(debian=["dash"]), "[debian]")],
)
def test_a_stack_that_does_not_say_for_what_is_told_to(
    tmp_path: Path, inputs: Inputs, section: str
) -> None:
    with pytest.raises(ColdforgeError, match=r"packages, but the stack has no") as caught:
        resolve(Workspace(tmp_path), a_stack(inputs), set())
    assert caught.value.hint == f"add {section} to docker/stacks/small.toml"


def test_a_stack_that_asks_for_nothing_has_an_empty_lock(tmp_path: Path) -> None:
    made = resolve(Workspace(tmp_path), a_stack(Inputs()), set())
    assert (made.entries, made.releases) == ([], [])
