import shutil
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.build.build import build_context
from coldforge.image.layers.carried import variables, versions, wheels_inside, with_versions
from coldforge.image.layers.context import BuildContext
from coldforge.image.layers.make import assembled_layer
from coldforge.mirror.add import add
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, Lock
from coldforge.stack.recipe import LayerRecipe, Place
from coldforge.stack.stack import Python
from tests.image.conftest import WheelOf
from tests.mirror.handmade import NAME, VERSION, packed, tree, wheel
from tests.mirror.handmade import checkout as stacks

PYTHON = Python("3.11", "x86_64-manylinux_2_36")
TOP = f"TensorRT-{VERSION}"
BINDING = "tensorrt-9.0.1.post12.dev4-cp{}-none-linux_x86_64.whl"


def library(soname: str) -> bytes:
    """Write a 64-bit ELF file that holds a SONAME and nothing else."""
    names = b"\0" + soname.encode() + b"\0"
    dynamic = struct.pack("<6Q", 5, 0x1000 + 224, 14, 1, 0, 0)
    size = 224 + len(names)
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 0x3E, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    head += struct.pack("<IIQQQQQQ", 1, 4, 0, 0x1000, 0x1000, size, size, 4096)
    head += struct.pack("<IIQQQQQQ", 2, 4, 176, 0x1000 + 176, 0x1000 + 176, 48, 48, 8)
    return head + dynamic + names


def tarball(folder: Path, wheel_of: WheelOf, says: str = "", soname: str = "9") -> Path:
    """Pack a TensorRT whose library has a SONAME and whose wheels can be installed."""
    files = tree(says=says)
    lib = f"{TOP}/targets/x86_64-linux-gnu/lib"
    files[f"{lib}/libnvinfer.so.9.0.1"] = library(f"libnvinfer.so.{soname}")
    for tag in ("310", "311"):
        name = BINDING.format(tag)
        made = wheel_of({"tensorrt/__init__.py": tag.encode()}, name)
        files[f"{TOP}/python/{name}"] = made.read_bytes()
    files[f"{TOP}/python/tensorrt_lean-9.0.1-cp311-none-linux_x86_64.whl"] = b"not asked for"
    return packed(folder / NAME.format(version=VERSION), files)


@pytest.fixture
def space(workspace: Workspace, checkout: Path) -> Workspace:
    """Stacks `shop` and `top` of the checkout's own TensorRT layers."""
    stacks(workspace, ["tensorrt"])
    for stack, old, new in (
        ("shop", "compiler", "tensorrt"),
        ("top", "libraries", "tensorrt-runtime"),
    ):
        shutil.copytree(checkout / "docker" / "layers" / new, workspace.layers / new)
        path = workspace.stacks / f"{stack}.toml"
        path.write_text(path.read_text("utf-8").replace(f'"{old}"', f'"{new}"'), "utf-8")
        lock = workspace.lock(stack)
        lock.write_text(lock.read_text("utf-8").replace(f'"{old}"', f'"{new}"'), "utf-8")
    return workspace


def unpacked(context: BuildContext, layer: str, folder: Path) -> Path:
    made = assembled_layer(context, layer, {}, None)
    with tarfile.open(context.layout.blob(made.digest)) as archive:
        archive.extractall(folder, filter="fully_trusted")
    return folder


def agreed(checkout: Path, kind: str, root: Path, version: str = VERSION) -> str:
    command = [sys.executable, str(checkout / "toolchain/tensorrt/agree.py"), kind, str(root)]
    env = {"COLDFORGE_TENSORRT_VERSION": version}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    return done.stdout if done.returncode == 0 else done.stderr.splitlines()[-1]


def test_a_recipe_takes_the_locked_version() -> None:
    recipe = LayerRecipe(
        "",
        links={"/a": "../T-{tensorrt}", "/b": "{other}"},
        text={"/c": "{tensorrt} {tensorrt}"},
        place=[Place("tensorrt", to="/x-{tensorrt}", only=["{tensorrt}/*"])],
        packages={"tensorrt": "T-{tensorrt}/*.whl"},
    )
    done = with_versions(recipe, {"tensorrt": "1.2"})
    assert done.links == {"/a": "../T-1.2", "/b": "{other}"}
    assert done.text == {"/c": "1.2 1.2"}
    assert done.place == [Place("tensorrt", to="/x-1.2", only=["1.2/*"])]
    assert done.packages == {"tensorrt": "T-1.2/*.whl"}
    assert with_versions(recipe, {}) == recipe


def test_a_step_is_told_the_versions_of_the_layers_below_it() -> None:
    entries = [
        Entry("low", "file", "tensorrt", "9.0.1.4", "x", 1, "a" * 64),
        Entry("low", "python", "numpy", "1", "y", 1, "b" * 64),
        Entry("high", "file", "cuda-toolkit", "12.2", "z", 1, "c" * 64),
    ]
    lock = Lock(1, "small", {}, [], entries)
    assert versions(lock, ["low"]) == {"tensorrt": "9.0.1.4"}
    assert variables(lock, ["low", "high"]) == {
        "COLDFORGE_TENSORRT_VERSION": "9.0.1.4",
        "COLDFORGE_CUDA_TOOLKIT_VERSION": "12.2",
    }


def test_the_wheel_for_the_image_s_interpreter_is_taken(tmp_path: Path, wheel_of: WheelOf) -> None:
    path = tarball(tmp_path, wheel_of)
    carried = [("tensorrt", path.name, path), ("other", "other.tgz", tmp_path / "none")]
    with wheels_inside({"tensorrt": "*/python/tensorrt-*.whl"}, carried, PYTHON) as found:
        ((name, wheel),) = found
        assert name == BINDING.format("311")
        assert wheel.stat().st_size > 100
    assert not wheel.exists()


def test_an_interpreter_without_a_wheel_is_named_with_what_there_is(
    tmp_path: Path, wheel_of: WheelOf
) -> None:
    path = tarball(tmp_path, wheel_of)
    python = Python("3.13", PYTHON.platform)
    carried = [("tensorrt", path.name, path)]
    with (
        pytest.raises(ColdforgeError, match=r"no Python package for Python 3\.13") as caught,
        wheels_inside({"tensorrt": "*/tensorrt-*.whl"}, carried, python),
    ):
        pass
    assert BINDING.format("310") in caught.value.message
    assert "\n" not in caught.value.message


def test_tensorrt_is_unpacked_at_the_root_with_its_stable_link_and_package(
    space: Workspace, tmp_path: Path, wheel_of: WheelOf, checkout: Path
) -> None:
    add(space, "top", tarball(tmp_path, wheel_of))
    root = unpacked(build_context(space, "shop"), "tensorrt", tmp_path / "root")
    home = root / "usr/local/tensorrt"
    assert home.resolve() == root / TOP
    assert (home / "include/NvInferVersion.h").is_file()
    assert (home / "lib/libnvinfer.so").resolve().name == "libnvinfer.so.9.0.1"
    assert not list(root.rglob("*.a"))
    conf = root / "etc/ld.so.conf.d/tensorrt.conf"
    assert conf.read_text("utf-8") == "/usr/local/tensorrt/lib\n"
    packages = root / "usr/local/lib/python3.11/dist-packages"
    assert (packages / "tensorrt/__init__.py").read_text("utf-8") == "311"
    assert agreed(checkout, "compile", root).startswith(f"TensorRT {VERSION}")


def test_the_image_to_run_with_has_shared_libraries_alone(
    space: Workspace, tmp_path: Path, wheel_of: WheelOf, checkout: Path
) -> None:
    add(space, "top", tarball(tmp_path, wheel_of))
    root = unpacked(build_context(space, "top"), "tensorrt-runtime", tmp_path / "root")
    assert (root / "usr/local/tensorrt/lib/libnvinfer.so.9").resolve().is_file()
    left = {path.name for path in (root / TOP).rglob("*") if not path.is_dir()}
    assert left == {"libnvinfer.so.9", "libnvinfer.so.9.0.1"}
    assert (root / "usr/local/lib/python3.11/dist-packages/tensorrt/__init__.py").is_file()
    assert agreed(checkout, "run", root).startswith(f"TensorRT {VERSION}")


def test_the_check_says_what_disagrees(
    space: Workspace, tmp_path: Path, wheel_of: WheelOf, checkout: Path
) -> None:
    add(space, "top", tarball(tmp_path, wheel_of, soname="8"))
    root = unpacked(build_context(space, "shop"), "tensorrt", tmp_path / "root")
    assert "has another SONAME: libnvinfer.so.8, not" in agreed(checkout, "compile", root)
    assert "leads to another folder" in agreed(checkout, "compile", root, "9.1.0.4")
    lib = next(root.rglob("libnvinfer.so.9.0.1"))
    lib.write_bytes(library("libnvinfer.so.9"))
    assert "only compilers want" in agreed(checkout, "run", root)
    header = root / TOP / "include/NvInferVersion.h"
    header.write_text(header.read_text("utf-8").replace("BUILD 4", "BUILD 5"), "utf-8")
    assert "NvInferVersion.h is not the locked" in agreed(checkout, "compile", root)


def test_a_carried_wheel_is_installed_as_a_package(workspace: Workspace, tmp_path: Path) -> None:
    add(stacks(workspace, ["polygraphy"]), "top", wheel(tmp_path))
    root = unpacked(build_context(workspace, "top"), "libraries", tmp_path / "root")
    packages = root / "usr/local/lib/python3.11/dist-packages"
    assert (packages / "polygraphy/__init__.py").is_file()


def test_an_archive_that_no_rule_takes_is_named(
    workspace: Workspace, tmp_path: Path, wheel_of: WheelOf
) -> None:
    add(stacks(workspace, ["tensorrt"]), "top", tarball(tmp_path, wheel_of))
    with pytest.raises(ColdforgeError, match="no rule of the recipe says what to do") as caught:
        assembled_layer(build_context(workspace, "top"), "libraries", {}, None)
    assert "input = 'tensorrt'" in caught.value.hint
