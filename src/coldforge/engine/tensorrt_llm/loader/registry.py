"""Which releases' loaders are known."""

from coldforge.engine.tensorrt_llm.loader.loader import Loader
from coldforge.engine.tensorrt_llm.loader.v0_5 import V0_5
from coldforge.engine.tensorrt_llm.loader.v0_10 import V0_10
from coldforge.engine.tensorrt_llm.loader.v1_2 import V1_2
from coldforge.errors import UnknownNameError


def loaders() -> dict[str, Loader]:
    """List them by release."""
    known: list[Loader] = [V0_5(), V0_10(), V1_2()]
    return {item.name: item for item in known}


def find_loader(release: str) -> Loader:
    """Look one up; raise UnknownNameError."""
    known = loaders()
    if release not in known:
        raise UnknownNameError("release", release, list(known))
    return known[release]
