import json
import struct
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pytest

from coldforge.engine.card import read_engine
from coldforge.engine.tensorrt_llm.build import on_host
from coldforge.engine.tensorrt_llm.build.gpu import Gpu
from coldforge.engine.tensorrt_llm.build.on_host import dry_run, read_request
from coldforge.engine.tensorrt_llm.build.preflight import Prerequisites
from coldforge.engine.tensorrt_llm.build.settings import BuildSettings
from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, read_lock
from coldforge.stack.stack import read_stack


@pytest.fixture
def model(tmp_path: Path) -> Path:
    header = json.dumps({"w": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"ab")
    (tmp_path / "config.json").write_text('{"model_type": "llama"}', "utf-8")
    (tmp_path / "tokenizer.json").write_text("{}", "utf-8")
    return tmp_path


def test_a_dry_run_needs_the_checkpoint_alone(
    model: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    request = read_request(Workspace(checkout), model, "1.2", BuildSettings())
    found = dry_run(request, model / "engine")
    assert [command[0] for command in found["commands"]] == ["python3", "trtllm-build"]
    assert found["text"][1].startswith("trtllm-build --checkpoint_dir")
    assert found["task"] == "engine.build"
    assert not (model / "engine").exists()


def test_a_release_that_builds_none_or_is_unknown_is_refused(model: Path, checkout: Path) -> None:
    with pytest.raises(ColdforgeError, match="builds no engines"):
        read_request(Workspace(checkout), model, "fixture", BuildSettings())
    with pytest.raises(UnknownNameError, match="0\\.6"):
        read_request(Workspace(checkout), model, "0.6", BuildSettings())


class FakeImage:
    """Stands in for a release's image: notes what its programs see, makes what a build makes."""

    digest = "sha256:ab"

    def __init__(self, tar: Path) -> None:
        self.tar = tar
        self.calls: list[tuple[list[str], list[Path], list[Path]]] = []

    def blob(self, entry: Entry) -> Path:
        assert entry.origin == "git"
        return self.tar

    def run(self, argv: list[str], log: BinaryIO, reads: list[Path], writes: list[Path]) -> int:
        self.calls.append((argv, reads, writes))
        out = Path(argv[argv.index("--output_dir") + 1])
        out.mkdir(exist_ok=True)
        (out / "rank0.engine").write_bytes(b"plan")
        return 0


@dataclass
class FakeHost:
    """A host whose only image is that of a release."""

    space: Workspace
    fake: FakeImage
    asked: list[str] = field(default_factory=list)

    @contextmanager
    def image(self, stack: str) -> Iterator[FakeImage]:
        self.asked.append(stack)
        yield self.fake


def test_an_engine_is_built_in_the_image_that_the_host_starts(
    model: Path, checkout: Path, workspace: Workspace, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    real = Workspace(checkout)
    stack, lock = read_stack(real, "trtllm-0.5.0"), read_lock(real.lock("trtllm-0.5.0"))
    found = Prerequisites(Gpu("NVIDIA A10", "8.6", "550"), stack, lock)
    monkeypatch.setattr(on_host, "find_prerequisites", lambda space, request: found)
    tar = tmp_path / "source.tar"
    with tarfile.open(tar, "w") as archive:
        archive.addfile(tarfile.TarInfo("examples/llama/build.py"))
    host = FakeHost(workspace, FakeImage(tar))
    request = read_request(real, model, "0.5.0", BuildSettings())
    out = tmp_path / "engines" / "one"
    card = on_host.build_engine(host, request, out)
    assert host.asked == ["trtllm-0.5.0"]
    ((argv, reads, writes),) = host.fake.calls
    assert argv[1].endswith("examples/llama/build.py")
    assert Path(argv[1]).is_file()
    assert model in reads
    assert writes == [Path(argv[argv.index("--output_dir") + 1]).parent]
    assert read_engine(out).card["digest"] == card["digest"]
    assert (card["out"], card["image"], card["release"]) == (str(out), "sha256:ab", "0.5.0")
    assert (out / "rank0.engine").read_bytes() == b"plan"
