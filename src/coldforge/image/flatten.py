"""Flatten the layers of a base image into one normalised layer."""

from pathlib import Path

from coldforge.image.tar import LayerWriter
from coldforge.stack.lock import Entry


def flatten(layers: list[tuple[str, Path]], writer: LayerWriter) -> None:
    """Write the union of `layers` (media type, bytes; from the bottom up), whiteouts applied.

    Raise ColdforgeError on a damaged layer or a member that escapes.
    """
    for _, path in layers:
        raise NotImplementedError(path)


def layers_of(entries: list[tuple[Entry, Path]]) -> list[tuple[str, Path]]:
    """List the layers of a locked image (media type, bytes), from the bottom up."""
    return [(entry.name, path) for entry, path in entries]
