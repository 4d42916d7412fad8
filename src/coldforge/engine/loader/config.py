"""What a release overlooks in config.json."""

from collections.abc import Mapping
from typing import Any

from coldforge.engine.loader.loader import Loader
from coldforge.engine.loader.verdict import LEFT_OUT, Finding
from coldforge.engine.release.rotary import rotary
from coldforge.errors import ColdforgeError


def overlooked(config: Mapping[str, Any], loader: Loader) -> list[Finding]:
    """Name rotary positions that neither the release finds nor its builder can be told."""
    try:
        rotary(config, loader.reads_config, list(loader.rope))
    except ColdforgeError as error:
        return [Finding("config.json", LEFT_OUT, error.message, 1.0, None, error.hint)]
    return []
