"""A TensorRT-LLM engine, from the host: its commands, or the release's image that runs them."""

from functools import partial
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.engine.backend import Host, Image
from coldforge.engine.card import ENGINE
from coldforge.engine.tensorrt_llm.build.command_line import Wish, places_of, translate
from coldforge.engine.tensorrt_llm.build.precision import precision_of
from coldforge.engine.tensorrt_llm.build.preflight import Ready, ready
from coldforge.engine.tensorrt_llm.build.programs import (
    Shop,
    lay_out,
    make,
    tensorrt_version,
    timing_cache,
)
from coldforge.engine.tensorrt_llm.build.settings import NAME, Settings
from coldforge.errors import ColdforgeError
from coldforge.files.output import refuse_foreign, staged
from coldforge.model.card_facts import refuse_changed
from coldforge.paths import Workspace
from coldforge.stack.profile import read_profile


def read_request(space: Workspace, checkpoint: Path, release: str, settings: Settings) -> Wish:
    """Read profile and checkpoint; raise ColdforgeError for what no release can do."""
    settings.check()
    profile = read_profile(space.releases, release)
    if not profile.programs:
        raise ColdforgeError(f"release {release} builds no engines", f"it is: {profile.summary}")
    source = read_checkpoint(checkpoint.resolve())
    return Wish(release, profile, source, settings, precision_of(source, settings))


def dry_run(wish: Wish, out: Path) -> dict[str, Any]:
    """Write the commands; nothing is run, so nothing but the checkpoint's headers is needed."""
    commands = translate(wish, places_of(out.resolve()))
    return {
        "task": "engine.build",
        "dry_run": True,
        "backend": NAME,
        "release": wish.release,
        "commit": wish.profile.commit,
        "precision": wish.precision.name,
        "commands": [command.argv for command in commands],
        "text": [command.text for command in commands],
    }


def build_engine(host: Host, wish: Wish, out: Path) -> dict[str, Any]:
    """Build an engine in the release's image; raise ColdforgeError before anything is done."""
    out = out.resolve()
    translate(wish, places_of(out))
    refuse_foreign(out, ENGINE)
    found = ready(host.space, wish)
    refuse_changed(wish.checkpoint)
    with host.image(found.stack.name) as image, staged(out, ENGINE) as place:
        shop = _shop(host.space, image, wish, found, place)
        card = make(wish, found, shop, place, out)
    return {"out": str(out), **card}


def _shop(space: Workspace, image: Image, wish: Wish, found: Ready, place: Path) -> Shop:
    (source,) = (item for item in found.lock.entries if item.origin == "git")
    examples = lay_out(image.blob(source), space.build / "sources" / source.sha256[:16])
    cache = timing_cache(space.build, found.gpu, tensorrt_version(found))
    cache.parent.mkdir(parents=True, exist_ok=True)
    reads = [wish.checkpoint.folder, examples, cache.parent]
    if wish.settings.calibration:
        reads.append(Path(wish.settings.calibration).resolve())
    log = space.build / "log" / f"engine.{place.name}.log"
    run = partial(image.run, reads=reads, writes=[place.parent])
    return Shop(run, image.digest, examples, cache, log)
