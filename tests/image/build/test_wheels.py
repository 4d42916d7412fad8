from pathlib import Path
from typing import NoReturn
from unittest.mock import MagicMock

import pytest

from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.files.code import PACKAGE
from coldforge.files.digest import sha256_file
from coldforge.image.build import wheels
from coldforge.image.build.build import build_context
from coldforge.image.build.builder import Builder
from coldforge.image.build.cache import Cache
from coldforge.image.build.cache_key import MESSAGES
from coldforge.image.build.wheels import WheelBuild, differences
from coldforge.image.layers.context import BuildContext
from coldforge.image.layers.release_build import CompileOptions
from coldforge.paths import Workspace
from tests.image.conftest import RELEASE, WheelOf
from tests.structure import outside


def test_wheels_of_the_same_bytes_do_not_differ(wheel_of: WheelOf) -> None:
    one = wheel_of({"a.py": b"1"})
    other = one.with_suffix(".copy")
    other.write_bytes(one.read_bytes())
    assert differences(one, other) == []


def test_members_that_differ_are_named(wheel_of: WheelOf) -> None:
    one = wheel_of({"same.py": b"1", "lib.so": b"1", "gone.py": b""}, record=b"")
    other = wheel_of({"same.py": b"1", "lib.so": b"2"}, "demo-1.0-py2-none-any.whl", record=b"")
    assert differences(one, other) == ["gone.py", "lib.so"]


def test_zips_of_the_same_members_differ_as_files(wheel_of: WheelOf) -> None:
    one = wheel_of({"a.py": b"1", "b.py": b"2"}, record=b"")
    other = wheel_of({"b.py": b"2", "a.py": b"1"}, "demo-1.0-py2-none-any.whl", record=b"")
    assert differences(one, other) == [one.name]


class Maker:
    """Stands in for a container: each build leaves a wheel of the next content."""

    def __init__(self, wheel_of: WheelOf, *contents: bytes) -> None:
        self.wheel_of, self.contents = wheel_of, list(contents)

    def __call__(self, build_env: object, context: BuildContext, name: str, out: Path) -> Path:
        out.mkdir(parents=True)
        made = self.wheel_of({"a.py": self.contents.pop(0)}, record=b"")
        return made.replace(out / made.name)


def wanted(context: BuildContext, rebuild: bool = False) -> WheelBuild:
    cache, options = Cache(context.root / "cache"), CompileOptions(rebuild=rebuild)
    return WheelBuild(context, cache, "demo", "python", [], [], MagicMock(), options)


def test_a_wheel_is_built_once(
    context: BuildContext, wheel_of: WheelOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "built_wheel", Maker(wheel_of, b"1"))
    made, digest = wheels.audited_wheel(wanted(context))
    assert f"sha256:{sha256_file(made)}" == digest
    assert wheels.audited_wheel(wanted(context)) == (made, digest)


def test_a_wheel_built_anew_the_same_is_the_one_that_was_there(
    context: BuildContext, wheel_of: WheelOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "built_wheel", Maker(wheel_of, b"1", b"1"))
    first = wheels.audited_wheel(wanted(context))
    assert wheels.audited_wheel(wanted(context, rebuild=True)) == first
    assert [path.name for path in (context.root / "wheels").iterdir()] == [first[0].parent.name]


def test_a_wheel_built_anew_otherwise_is_an_error_that_names_the_member(
    context: BuildContext, wheel_of: WheelOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "built_wheel", Maker(wheel_of, b"1", b"2", b"1"))
    first = wheels.audited_wheel(wanted(context))
    with pytest.raises(ColdforgeError, match=r"wheel demo, built again, differs in a\.py"):
        wheels.audited_wheel(wanted(context, rebuild=True))
    assert wheels.audited_wheel(wanted(context)) == first
    assert (
        wheels.audited_wheel(wanted(context, rebuild=True)) == first
    )  # what was left is no hindrance


def test_a_wheel_is_not_begun_before_everything_is_there(trio: Workspace) -> None:
    """The layer below the wheel wants what nobody has brought."""
    recipe = trio.layers / "base" / "layer.toml"
    text = recipe.read_text("utf-8").replace("[inputs]", '[inputs]\ncarried = ["sdk"]')
    recipe.write_text(text, "utf-8")
    trio.releases.mkdir()
    (trio.releases / "one.toml").write_text(RELEASE, "utf-8")
    stack = trio.stacks / "trio.toml"
    stack.write_text('release = "one"\n' + stack.read_text("utf-8"), "utf-8")
    builder = Builder(build_context(trio, "trio"), unwanted)
    with pytest.raises(MissingInputError, match="must be brought: sdk"):
        builder.wheel("demo")
    assert not trio.build.exists()


def unwanted() -> NoReturn:
    raise AssertionError("no engine is needed")


def test_all_code_that_audits_a_wheel_is_in_the_key_of_its_audit() -> None:
    assert outside(PACKAGE, "image.audit", (*wheels.AUDIT_CODE, *MESSAGES)) == set()


@pytest.mark.parametrize("place", wheels.AUDIT_CODE)
def test_each_part_of_the_code_in_that_key_decides_something(place: str) -> None:
    rest = [one for one in (*wheels.AUDIT_CODE, *MESSAGES) if one != place]
    assert outside(PACKAGE, "image.audit", rest) != set()
