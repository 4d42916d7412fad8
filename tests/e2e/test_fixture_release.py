"""The fixture release, end to end: real kernels, a real extension, a stub of TensorRT."""

import hashlib
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coldforge.files.digest import sha256_file
from coldforge.image.build.build import build_context, deliver
from coldforge.image.build.builder import Builder
from coldforge.image.build.plan import compile_layers
from coldforge.image.containers.docker_engine import image_name
from coldforge.image.layers.compile import built_wheel
from coldforge.image.layers.context import BuildContext, fixed_environment
from coldforge.image.layers.release_build import BuildEnvironment, CompileOptions
from coldforge.paths import Workspace
from coldforge.stack.lock import read_lock
from tests.e2e.conftest import Cli

pytestmark = [pytest.mark.engine, pytest.mark.network]
STACK = "trtllm-fixture"
ROOT = Path(__file__).resolve().parents[2]
MAKE = ROOT / "tests" / "fixtures" / "tensorrt" / "make.py"
GOLDEN = ROOT / "tests" / "golden" / f"{STACK}.json"
IMPORT = "import json, tensorrt_llm as t; print(json.dumps([t.__version__, t.versions()]))"


@pytest.fixture(scope="module")
def tarball(quickstart: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stub of TensorRT, compiled here."""
    out = tmp_path_factory.mktemp("tensorrt")
    subprocess.run([sys.executable, str(MAKE), str(out)], cwd=ROOT, check=True)
    (found,) = out.iterdir()
    return found


@pytest.fixture(scope="module")
def built(cli: Cli, tarball: Path) -> Any:
    """The JSON that `image.build` printed."""
    cli.run("mirror.add", "--stack", STACK, str(tarball))
    cli.run("mirror.fetch", "--stack", STACK)
    return cli.json("image.build", "--stack", STACK)


@pytest.fixture(scope="module")
def wheel(cli: Cli, built: Any) -> Any:
    return cli.json("wheel.build", "--stack", STACK, "--arch", "80,86,89")


@pytest.fixture(scope="module")
def workshop(built: Any, engine: Any) -> tuple[BuildEnvironment, BuildContext]:
    """The builder stack's image, in which the wheel is compiled."""
    place = build_context(Workspace(ROOT), STACK)
    assert place.builder
    deliver(place.builder, Builder(place.builder, lambda: engine).build(), lambda: engine)
    env = fixed_environment(*compile_layers(place, "tensorrt_llm"))
    return BuildEnvironment(engine, image_name(f"{STACK}-devel"), env), place


@pytest.fixture
def volume(engine: Any) -> Iterator[str]:
    """Name of a volume for a compiler cache, empty at first."""
    name = f"coldforge-test-{uuid.uuid4().hex[:8]}"
    yield name
    engine.volumes.get(name).remove(force=True)


def test_the_stub_is_pinned_by_the_locks(tarball: Path) -> None:
    for stack in (STACK, f"{STACK}-devel"):
        lock = read_lock(Workspace(ROOT).lock(stack))
        (pinned,) = [entry for entry in lock.entries if entry.origin == "file"]
        assert hashlib.sha256(tarball.read_bytes()).hexdigest() == pinned.sha256


def test_layer_digests_equal_the_recorded_ones(built: Any) -> None:
    assert built["layers"] == json.loads(GOLDEN.read_text())


def test_the_wheel_has_machine_code_for_the_requested_architectures_and_no_ptx(wheel: Any) -> None:
    held = {one["file"]: one["device"] for one in wheel["audit"]["binaries"]}
    three = {"elf": ["sm_80", "sm_86", "sm_89"], "ptx": []}
    assert held["tensorrt_llm/libs/libth_common.so"] == three
    assert wheel["audit"]["faults"] == []


def test_the_wheel_resolves_tensorrt_and_nccl_to_the_image_s_paths(wheel: Any) -> None:
    found = {one["file"]: one["libraries"] for one in wheel["audit"]["binaries"]}
    libraries = found["tensorrt_llm/libs/libth_common.so"]
    assert libraries["libnvinfer.so.9"].startswith("/TensorRT-9.9.9.9/")
    assert libraries["libnccl.so.2"] == "/usr/local/lib/libnccl.so.2"


def test_the_log_lies_beside_the_wheel(wheel: Any) -> None:
    log = Path(wheel["file"]).with_name("build_whl.log").read_text("utf-8")
    assert "scripts/build_wheel.py --clean --trt_root /usr/local/tensorrt" in log
    assert "--cuda_architectures 80-real;86-real;89-real" in log


@pytest.mark.usefixtures("built")
def test_it_imports_in_the_runtime_image_without_a_gpu(engine: Any) -> None:
    said = engine.containers.run(
        image_name(STACK), ["python3", "-c", IMPORT], network_mode="none", remove=True
    )
    version, libraries = json.loads(said)
    assert version.endswith("+fixture")
    assert libraries["tensorrt"] == libraries["tensorrt_headers"] == 9909
    assert libraries["nccl"] > 22000


def test_no_cache_a_cold_cache_and_a_warm_cache_give_the_same_bytes(
    workshop: tuple[BuildEnvironment, BuildContext], wheel: Any, volume: str, tmp_path: Path
) -> None:
    """One compiler at a time the first time, two at a time after that."""
    environment, place = workshop
    place = replace(place, root=tmp_path / "root")
    choices = {
        "none": CompileOptions(1, ""),
        "cold": CompileOptions(2, volume),
        "warm": CompileOptions(2, volume),
    }
    made = {
        name: built_wheel(
            replace(environment, options=options), place, "tensorrt_llm", tmp_path / name
        )
        for name, options in choices.items()
    }
    digests = {name: sha256_file(path) for name, path in made.items()}
    assert digests == dict.fromkeys(choices, wheel["audit"]["sha256"])
    logs = {name: (tmp_path / name / "build_whl.log").read_text("utf-8") for name in choices}
    assert "Hits:" not in logs["none"]
    assert hits(logs["cold"]) == "0 / 5"
    assert hits(logs["warm"]) == "5 / 5"


def hits(log: str) -> str:
    """Read the cache hits and the number of compilations."""
    line = next(line for line in log.splitlines() if line.strip().startswith("Hits:"))
    return " ".join(line.split()[1:4])
