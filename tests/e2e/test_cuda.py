"""The CUDA images: recorded layer digests, and a program compiled in devel runs in runtime."""

import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from coldforge.image.containers.docker_engine import archive_of, image_name
from tests.e2e.conftest import Cli

pytestmark = [pytest.mark.engine, pytest.mark.network]
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
PROBE = Path(__file__).resolve().parents[2] / "toolchain" / "cuda" / "project"
COMPILE = (
    "nvcc -std=c++17 -gencode arch=compute_86,code=sm_86 -o probe kernel.cu main.cpp"
    " -cudart shared -lcublasLt -lcurand -lnvrtc -lcudnn -lnccl"
)


@pytest.fixture(scope="module")
def devel(cli: Cli) -> Any:
    cli.run("mirror.fetch", "--stack", "cuda13")
    return cli.json("image.build", "--stack", "cuda13")


@pytest.fixture(scope="module")
def runtime(cli: Cli) -> Any:
    cli.run("mirror.fetch", "--stack", "cuda13-runtime")
    return cli.json("image.build", "--stack", "cuda13-runtime")


def test_layer_digests_equal_the_recorded_ones(devel: Any, runtime: Any) -> None:
    for built in (devel, runtime):
        assert built["layers"] == json.loads((GOLDEN / f"{built['stack']}.json").read_text())


def test_the_runtime_is_the_smaller_image(devel: Any, runtime: Any) -> None:
    assert runtime["bytes"] < 0.75 * devel["bytes"]


@pytest.mark.usefixtures("devel", "runtime")
def test_a_program_compiled_in_devel_runs_in_runtime(engine: Any) -> None:
    sources = {path.name: path for path in PROBE.iterdir() if path.suffix in (".cu", ".cpp")}
    with ran(engine, "cuda13", COMPILE, b"".join(archive_of(sources))) as box:
        program = b"".join(box.get_archive("/probe/probe")[0])
    with ran(engine, "cuda13-runtime", "./probe", program) as box:
        said = box.logs().decode()
    assert said.startswith("cudart 13000")
    assert "is not the header's" not in said


@contextmanager
def ran(engine: Any, stack: str, command: str, files: bytes) -> Iterator[Any]:
    """Run a command in a folder with the files of a tar; yield the stopped container."""
    container = engine.containers.create(
        image_name(stack),
        ["sh", "-c", command],
        network_mode="none",
        working_dir="/probe",
        user="0",
    )
    try:
        container.put_archive("/", folder("probe"))
        container.put_archive("/probe", files)
        container.start()
        assert container.wait()["StatusCode"] == 0, container.logs().decode()
        yield container
    finally:
        container.remove(force=True, v=True)


def folder(name: str) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(info)
    return sink.getvalue()
