import io
import tarfile
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from coldforge.engine.card import read_engine
from coldforge.engine.tensorrt_llm.build.gpu import Gpu
from coldforge.engine.tensorrt_llm.build.preflight import Prerequisites
from coldforge.engine.tensorrt_llm.build.programs import (
    ReleaseImage,
    lay_out,
    make,
    tensorrt_version,
    timing_cache,
)
from coldforge.errors import ColdforgeError
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, read_lock
from coldforge.stack.stack import read_stack

A10 = Gpu("NVIDIA A10", "8.6", "550.54.14")


@pytest.fixture
def ready(checkout: Path) -> Prerequisites:
    space = Workspace(checkout)
    stack = read_stack(space, "trtllm-0.5.0")
    return Prerequisites(A10, stack, read_lock(space.lock("trtllm-0.5.0")))


class Programs:
    """Stands in for a release's image: notes the commands, makes what a build makes."""

    def __init__(self, status: int = 0, engine: bool = True) -> None:
        self.status, self.engine = status, engine
        self.calls: list[list[str]] = []

    def __call__(self, argv: list[str], log: BinaryIO) -> int:
        self.calls.append(argv)
        log.write(b"building\n")
        out = Path(argv[argv.index("--output_dir") + 1])
        out.mkdir(exist_ok=True)
        if self.engine:
            (out / "llama_float16_tp1_rank0.engine").write_bytes(b"plan")
        (out / "model.cache").write_bytes(b"timings")
        return self.status


def release_image(tmp_path: Path, run: Programs) -> ReleaseImage:
    cache = timing_cache(tmp_path / "build", A10, "9.1.0.4")
    return ReleaseImage(
        run, "sha256:ab", tmp_path / "sources", cache, tmp_path / "log" / "engine.log"
    )


def test_an_engine_has_its_log_its_card_and_its_commands(
    build_request: Any, gptq: dict[str, Any], ready: Prerequisites, tmp_path: Path
) -> None:
    run = Programs()
    place, out = tmp_path / "part" / "one", tmp_path / "one"
    make(build_request("0.5.0", gptq), ready, release_image(tmp_path, run), place, out)
    card = read_engine(place).card
    assert (card["backend"], card["precision"], card["release"]) == (
        "tensorrt-llm",
        "int4",
        "0.5.0",
    )
    assert card["gpu"] == {"name": "NVIDIA A10", "capability": "8.6", "driver": "550.54.14"}
    assert (card["tensorrt"], card["image"]) == ("9.1.0.4", "sha256:ab")
    assert card["commands"][0][-1] == str(out)
    assert (place / "build.log").read_text().startswith("+ python3 examples/llama/build.py")
    assert "building" in (place / "build.log").read_text()
    assert run.calls[0][1] == str(tmp_path / "sources" / "examples/llama/build.py")


def test_the_timing_cache_outlives_the_engine_and_is_used_again(
    build_request: Any, ready: Prerequisites, tmp_path: Path
) -> None:
    run = Programs()
    for name in ("one", "two"):
        make(
            build_request("0.5.0"),
            ready,
            release_image(tmp_path, run),
            tmp_path / name,
            tmp_path / name,
        )
    kept = tmp_path / "build" / "timing" / "nvidia-a10-8.6-tensorrt-9.1.0.4.cache"
    assert kept.read_bytes() == b"timings"
    assert not (tmp_path / "two" / "model.cache").exists()
    assert "--timing_cache" not in run.calls[0]
    assert run.calls[1][run.calls[1].index("--timing_cache") + 1] == str(kept)


def test_what_was_converted_is_not_kept(
    build_request: Any, ready: Prerequisites, tmp_path: Path
) -> None:
    run = Programs()
    make(
        build_request("1.2"),
        ready,
        release_image(tmp_path, run),
        tmp_path / "one",
        tmp_path / "one",
    )
    assert [Path(call[0]).name for call in run.calls] == ["python3", "trtllm-build"]
    assert not (tmp_path / "one.checkpoint").exists()


def test_a_program_that_fails_ends_it_and_its_log_stays(
    build_request: Any, ready: Prerequisites, tmp_path: Path
) -> None:
    run = Programs(status=1)
    with pytest.raises(ColdforgeError, match="convert failed with status 1") as caught:
        make(
            build_request("1.2"),
            ready,
            release_image(tmp_path, run),
            tmp_path / "one",
            tmp_path / "one",
        )
    assert len(run.calls) == 1
    assert "building" in (tmp_path / "log" / "engine.log").read_text()
    assert str(tmp_path / "log" / "engine.log") in caught.value.hint


def test_programs_that_make_no_engine_are_not_believed(
    build_request: Any, ready: Prerequisites, tmp_path: Path
) -> None:
    run = Programs(engine=False)
    with pytest.raises(ColdforgeError, match="made no engine"):
        make(
            build_request("0.5.0"),
            ready,
            release_image(tmp_path, run),
            tmp_path / "one",
            tmp_path / "one",
        )


def test_the_version_of_tensorrt_is_that_of_the_file_that_was_brought(ready: Prerequisites) -> None:
    assert tensorrt_version(ready) == "9.1.0.4"
    brought = Entry("tensorrt-runtime", "file", "tensorrt", "9.0.1.4", "t.tar.gz", 1, "a" * 64)
    ready.lock.entries.append(brought)
    assert tensorrt_version(ready) == "9.0.1.4"


def test_only_the_examples_are_laid_out_and_only_once(tmp_path: Path) -> None:
    tar = tmp_path / "source.tar"
    with tarfile.open(tar, "w") as archive:
        for name in ("examples/llama/build.py", "cpp/big.cu"):
            member = tarfile.TarInfo(name)
            member.size = 2
            archive.addfile(member, io.BytesIO(b"x\n"))
    place = lay_out(tar, tmp_path / "sources" / "ab")
    assert sorted(str(path.relative_to(place)) for path in place.rglob("*.*")) == [
        "examples/llama/build.py"
    ]
    tar.unlink()
    assert lay_out(tar, place) == place
