import io
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.layers.compile import _only_wheel, wheel_inputs
from coldforge.image.layers.context import BuildContext, fixed_environment
from coldforge.image.layers.make import assembled_layer


def test_a_step_s_environment_is_the_layers_and_what_keeps_it_the_same(
    context: BuildContext,
) -> None:
    env = fixed_environment(context.stack, ["base"])
    assert env["PATH"] == "/usr/bin"
    assert env["SOURCE_DATE_EPOCH"] == "1700000000"
    assert env["PYTHONHASHSEED"] == "0"
    assert "FROM_PYTHON" not in env
    assert fixed_environment(context.stack, ["base", "python"])["FROM_PYTHON"] == "1"


def test_wheels_for_a_stack_without_python_are_refused(context: BuildContext) -> None:
    file = msgspec.structs.replace(context.stack.file, python=None)
    bare = replace(context, stack=msgspec.structs.replace(context.stack, file=file))
    with pytest.raises(ColdforgeError, match=r"layer python takes wheels, .* names no \[python\]"):
        assembled_layer(bare, "python", {}, None)


def test_a_wheel_that_is_none_is_named_by_its_file_name_not_its_digest(
    context: BuildContext,
) -> None:
    with pytest.raises(ColdforgeError, match=r"six-1-py3-none-any\.whl is not a sound wheel"):
        assembled_layer(context, "python", {}, None)
    assert not list((context.root / "oci" / "blobs" / "sha256").iterdir())


def test_a_wheel_recipe_s_inputs_are_one_sdist_and_wheels(context: BuildContext) -> None:
    sdist, requires = wheel_inputs(context, "demo")
    assert sdist.name == "demo"
    assert [entry.name for entry in requires] == ["setuptools"]


def test_a_wheel_recipe_without_an_sdist_says_what_to_run(context: BuildContext) -> None:
    entries = [entry for entry in context.lock.entries if entry.name != "demo"]
    bare = replace(context, lock=msgspec.structs.replace(context.lock, entries=entries))
    with pytest.raises(ColdforgeError, match="the lock holds 0 sources for wheel demo") as caught:
        wheel_inputs(bare, "demo")
    assert caught.value.hint == "run: ./invokew stack.lock --stack trio"


def archive(files: dict[str, bytes]) -> Iterator[bytes]:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    yield sink.getvalue()


@pytest.mark.parametrize("files", [{}, {"out/a.txt": b""}, {"out/a.whl": b"", "out/b.whl": b""}])
def test_a_build_that_leaves_not_one_wheel_is_refused(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    count = sum(name.endswith(".whl") for name in files)
    with pytest.raises(ColdforgeError, match=f"left {count} wheels instead of one"):
        _only_wheel(archive(files), tmp_path)


def test_a_build_that_leaves_no_zip_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match=r"demo-1-py3-none-any\.whl"):
        _only_wheel(archive({"out/demo-1-py3-none-any.whl": b"not a zip"}), tmp_path)
    assert not list(tmp_path.iterdir())
