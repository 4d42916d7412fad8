"""TensorRT's timing caches: measured once a kind of card and version, used by later builds."""

from pathlib import Path

from coldforge.engine.tensorrt_llm.build.gpu import Gpu
from coldforge.files.atomic import publish


def timing_cache(build: Path, gpu: Gpu, tensorrt: str) -> Path:
    """Name the place of a cache below `build`; TensorRT refuses one of another card or version."""
    return build / "timing" / f"{gpu.label}-tensorrt-{tensorrt}.cache"


def keep(made: Path, place: Path) -> None:
    """Take a build's cache out of the engine's folder, over the earlier one."""
    if made.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        publish(made, place)
