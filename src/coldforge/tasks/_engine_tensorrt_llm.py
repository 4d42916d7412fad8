"""A TensorRT-LLM engine, from the host: its commands, or the release's image that runs them."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from coldforge.errors import ColdforgeError
from coldforge.tasks._docker import engine

if TYPE_CHECKING:
    from coldforge.engine.tensorrt_llm.build.build import Run, Shop
    from coldforge.engine.tensorrt_llm.build.command_line import Wish
    from coldforge.engine.tensorrt_llm.build.preflight import Ready
    from coldforge.engine.tensorrt_llm.build.settings import Settings
    from coldforge.image.build.builder import Connect
    from coldforge.paths import Workspace

OFFLINE = {
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_OFFLINE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TRANSFORMERS_OFFLINE": "1",
}


def wish_of(space: "Workspace", checkpoint: str, release: str, settings: "Settings") -> "Wish":
    """Read profile and checkpoint; raise ColdforgeError for what no release can do."""
    from coldforge.checkpoint.checkpoint import read_checkpoint
    from coldforge.engine.tensorrt_llm.build.command_line import Wish
    from coldforge.engine.tensorrt_llm.build.precision import precision_of
    from coldforge.stack.profile import read_profile

    settings.check()
    profile = read_profile(space.releases, release)
    if not profile.programs:
        raise ColdforgeError(f"release {release} builds no engines", f"it is: {profile.summary}")
    source = read_checkpoint(Path(checkpoint).resolve())
    return Wish(release, profile, source, settings, precision_of(source, settings))


def dry_run(wish: "Wish", out: Path) -> dict[str, Any]:
    """Write the commands; nothing is run, so nothing but the checkpoint's headers is needed."""
    from coldforge.engine.tensorrt_llm.build.command_line import places_of, translate

    commands = translate(wish, places_of(out.resolve()))
    return {
        "task": "engine.build",
        "dry_run": True,
        "backend": "tensorrt-llm",
        "release": wish.release,
        "commit": wish.profile.commit,
        "precision": wish.precision.name,
        "commands": [command.argv for command in commands],
        "text": [command.text for command in commands],
    }


def build_engine(space: "Workspace", wish: "Wish", out: Path, yes: bool) -> dict[str, Any]:
    """Build an engine in the release's image; raise ColdforgeError before anything is done."""
    from coldforge.engine.card import ENGINE
    from coldforge.engine.tensorrt_llm.build.build import make
    from coldforge.engine.tensorrt_llm.build.command_line import places_of, translate
    from coldforge.engine.tensorrt_llm.build.preflight import ready
    from coldforge.files.output import refuse_foreign, staged
    from coldforge.model.card_facts import refuse_changed

    out = out.resolve()
    translate(wish, places_of(out))
    refuse_foreign(out, ENGINE)
    found = ready(space, wish)
    refuse_changed(wish.checkpoint)
    with engine(yes) as connect, staged(out, ENGINE) as place:
        shop = _shop(space, wish, found, connect, place)
        card = make(wish, found, shop, place, out)
    return {"out": str(out), **card}


def _shop(
    space: "Workspace", wish: "Wish", found: "Ready", connect: "Connect", place: Path
) -> "Shop":
    from coldforge.engine.tensorrt_llm.build.build import Shop, tensorrt_version
    from coldforge.engine.tensorrt_llm.build.sources import lay_out
    from coldforge.engine.tensorrt_llm.build.timing_cache import timing_cache
    from coldforge.image.build import build as image_build

    site = image_build.build_context(space, found.stack.name)
    built = image_build.build(site, connect)
    name = image_build.deliver(site, built, connect)
    (source,) = (item for item in found.lock.entries if item.origin == "git")
    examples = lay_out(site.blob(source), space.build / "sources" / source.sha256[:16])
    cache = timing_cache(space.build, found.gpu, tensorrt_version(found))
    cache.parent.mkdir(parents=True, exist_ok=True)
    reads = [wish.checkpoint.folder, examples, cache.parent]
    if wish.settings.calibration:
        reads.append(Path(wish.settings.calibration).resolve())
    run: Run = partial(_run, connect, name, reads, place.parent)
    log = space.build / "log" / f"engine.{place.name}.log"
    return Shop(run, built.manifest.digest, examples, cache, log)


def _run(
    connect: "Connect",
    image: str,
    reads: list[Path],
    writes: Path,
    argv: list[str],
    log: BinaryIO,
) -> int:
    from coldforge.image.containers.launch import Launch, launch

    work = Launch(image, argv, reads, [writes], OFFLINE, gpus=True)
    try:
        return launch(connect(), work, log.write, log.write)
    except ColdforgeError as error:
        if "device driver" not in error.message:
            raise
        raise ColdforgeError(
            "the Docker Engine cannot give a container the GPU",
            "install NVIDIA's container toolkit, then restart the engine",
        ) from error
