"""Run a release's programs and keep what they made: engine, log, timing cache, card."""

import shutil
import tarfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from coldforge.engine.card import write_engine
from coldforge.engine.tensorrt_llm.build.command_line import (
    CACHE,
    BuildRequest,
    ReleaseCommand,
    build_paths,
    translate,
)
from coldforge.engine.tensorrt_llm.build.gpu import Gpu
from coldforge.engine.tensorrt_llm.build.preflight import Prerequisites
from coldforge.engine.tensorrt_llm.build.settings import NAME
from coldforge.errors import ColdforgeError
from coldforge.files.atomic import publish, publish_folder, write_file
from coldforge.model.tokens import copy_files
from coldforge.progress import amount, step

LOG = "build.log"
EXAMPLES = "examples"
Run = Callable[[list[str], BinaryIO], int]
"""Runs a command in the release's image, both its streams into a log as they come; its status."""


@dataclass(frozen=True)
class ReleaseImage:
    """Runs a release's programs; names the files that outlive an engine."""

    run: Run
    digest: str
    examples: Path
    """Folder that holds the release's examples/."""
    timing_cache: Path
    log: Path
    """Where the log grows; it stays if a program fails."""


def make(
    request: BuildRequest, ready: Prerequisites, image: ReleaseImage, place: Path, out: Path
) -> dict[str, Any]:
    """Make the engine in the folder `place`, its checkpoint converted beside it; return its card.

    `out` is its final place: the card's commands name that. Raise ColdforgeError if a program
    fails.
    """
    started = time.monotonic()
    place.mkdir(parents=True, exist_ok=True)
    cache = image.timing_cache if image.timing_cache.is_file() else None
    places = build_paths(place, cache)
    commands = translate(request, places)
    image.log.parent.mkdir(parents=True, exist_ok=True)
    with image.log.open("wb") as log:
        for command in commands:
            _run(image, command, log)
    shutil.rmtree(places.converted, ignore_errors=True)
    _keep_timings(place / CACHE, image.timing_cache)
    if not list(place.glob("*.engine")):
        raise ColdforgeError("the release's programs made no engine", f"the whole log: {image.log}")
    write_file(place / LOG, image.log.read_bytes())
    copy_files(request.checkpoint.folder, place)
    commands = translate(request, build_paths(out, cache))
    return write_engine(place, _facts(request, ready, image, commands, started))


def _run(image: ReleaseImage, command: ReleaseCommand, log: BinaryIO) -> None:
    log.write(f"+ {command.text}\n".encode())
    log.flush()
    with step(f"TensorRT-LLM: {command.program}") as work:
        status = image.run(at(command.argv, image.examples), log)
        log.flush()
        work.result = f"log {amount(image.log.stat().st_size)}"
        if status:
            raise ColdforgeError(
                f"the release's {command.program} failed with status {status}",
                f"the whole log: {image.log}",
            )


def at(argv: list[str], examples: Path) -> list[str]:
    """Give the release's scripts their full path; its installed programs stay as they are."""
    return [str(examples / word) if word.startswith("examples/") else word for word in argv]


def _facts(
    request: BuildRequest,
    ready: Prerequisites,
    image: ReleaseImage,
    commands: list[ReleaseCommand],
    started: float,
) -> dict[str, Any]:
    profile = request.profile
    return {
        "task": "engine.build",
        "backend": NAME,
        "precision": request.precision.name,
        "checkpoint": request.checkpoint.digest,
        "settings": asdict(request.settings),
        "release": request.release,
        "commit": profile.commit,
        "tensorrt": tensorrt_version(ready),
        "gpu": asdict(ready.gpu),
        "image": image.digest,
        "commands": [command.argv for command in commands],
        "log": LOG,
        "versions": dict(profile.versions),
        "seconds": round(time.monotonic() - started, 2),
    }


def tensorrt_version(ready: Prerequisites) -> str:
    """Read the version of TensorRT in the image: of the file that was carried in."""
    for entry in ready.lock.entries:
        if entry.origin == "file" and entry.name == "tensorrt":
            return entry.version
    return ready.stack.profile.versions.get("tensorrt", "") if ready.stack.profile else ""


def lay_out(tar: Path, place: Path) -> Path:
    """Unpack the examples of a release's locked source tar to `place`, once; return it.

    They are in its sources, not in its wheel.
    """
    if place.is_dir():
        return place
    part = place.with_name(f"{place.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with tarfile.open(tar) as archive:
        members = [item for item in archive if item.name.split("/")[0] == EXAMPLES]
        if not members:
            raise ColdforgeError(
                f"{tar.name} has no folder {EXAMPLES}", "run: invoke mirror.verify"
            )
        archive.extractall(part, members, filter="data")
    publish_folder(part, place)
    return place


def timing_cache(build: Path, gpu: Gpu, tensorrt: str) -> Path:
    """Name the place of TensorRT's timing cache below `build`; later builds use it.

    TensorRT refuses one of another card or version.
    """
    return build / "timing" / f"{gpu.label}-tensorrt-{tensorrt}.cache"


def _keep_timings(made: Path, place: Path) -> None:
    """Move a build's timing cache out of the engine's folder, over the earlier one."""
    if made.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        publish(made, place)
