"""A TensorRT-LLM engine, from the host: its commands, or the release's image that runs them."""

from functools import partial
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.engine.backend import BuildImage, Host
from coldforge.engine.card import ENGINE
from coldforge.engine.tensorrt_llm.build.command_line import BuildRequest, build_paths, translate
from coldforge.engine.tensorrt_llm.build.precision import precision_of
from coldforge.engine.tensorrt_llm.build.preflight import Prerequisites, find_prerequisites
from coldforge.engine.tensorrt_llm.build.programs import (
    ReleaseImage,
    lay_out,
    make,
    tensorrt_version,
    timing_cache,
)
from coldforge.engine.tensorrt_llm.build.settings import NAME, BuildSettings
from coldforge.errors import ColdforgeError
from coldforge.files.output import refuse_foreign, staged
from coldforge.model.card_facts import refuse_changed
from coldforge.paths import Workspace
from coldforge.stack.profile import read_profile


def read_request(
    space: Workspace, checkpoint: Path, release: str, settings: BuildSettings
) -> BuildRequest:
    """Read profile and checkpoint; raise ColdforgeError for what no release can do."""
    settings.check()
    profile = read_profile(space.releases, release)
    if not profile.programs:
        raise ColdforgeError(f"release {release} builds no engines", f"it is: {profile.summary}")
    source = read_checkpoint(checkpoint.resolve())
    return BuildRequest(release, profile, source, settings, precision_of(source, settings))


def dry_run(request: BuildRequest, out: Path) -> dict[str, Any]:
    """Write the commands; nothing is run, so nothing but the checkpoint's headers is needed."""
    commands = translate(request, build_paths(out.resolve()))
    return {
        "task": "engine.build",
        "dry_run": True,
        "backend": NAME,
        "release": request.release,
        "commit": request.profile.commit,
        "precision": request.precision.name,
        "commands": [command.argv for command in commands],
        "text": [command.text for command in commands],
    }


def build_engine(host: Host, request: BuildRequest, out: Path) -> dict[str, Any]:
    """Build an engine in the release's image; raise ColdforgeError before anything is done."""
    out = out.resolve()
    translate(request, build_paths(out))
    refuse_foreign(out, ENGINE)
    found = find_prerequisites(host.space, request)
    refuse_changed(request.checkpoint)
    with host.image(found.stack.name) as image, staged(out, ENGINE) as place:
        programs = _release_image(host.space, image, request, found, place)
        card = make(request, found, programs, place, out)
    return {"out": str(out), **card}


def _release_image(
    space: Workspace, image: BuildImage, request: BuildRequest, found: Prerequisites, place: Path
) -> ReleaseImage:
    (source,) = (item for item in found.lock.entries if item.origin == "git")
    examples = lay_out(image.blob(source), space.build / "sources" / source.sha256[:16])
    cache = timing_cache(space.build, found.gpu, tensorrt_version(found))
    cache.parent.mkdir(parents=True, exist_ok=True)
    reads = [request.checkpoint.folder, examples, cache.parent]
    if request.settings.calibration:
        reads.append(Path(request.settings.calibration).resolve())
    log = space.build / "log" / f"engine.{place.name}.log"
    run = partial(image.run, reads=reads, writes=[place.parent])
    return ReleaseImage(run, image.digest, examples, cache, log)
