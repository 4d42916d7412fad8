"""An engine's directory: its files, and the card that says what it was made of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.files.digest import sha256_file, sha256_json
from coldforge.files.output import CARD, read_card, write_card

ENGINE = "engine"
KEYS = frozenset({"backend", "precision", "checkpoint", "files", "digest", "disk_bytes"})
"""Keys of every engine's card."""


@dataclass(frozen=True)
class Engine:
    """An engine whose files are all there."""

    folder: Path
    card: dict[str, Any]
    """Says: backend, precision, checkpoint (its digest), settings, versions, files, digest, image,
    disk_bytes, seconds, and what its backend adds."""

    @property
    def backend(self) -> str:
        """Name what runs it, as --backend does."""
        return str(self.card["backend"])

    @property
    def precision(self) -> str:
        """Name its arithmetic, such as fp32, int4, or int4 with int8 activations."""
        return str(self.card["precision"])


def write_engine(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Write the card of a finished directory; return what it says.

    The digest covers every file, so equal engines have equal digests.
    """
    files = {name: sha256_file(path) for name, path in _files(folder).items()}
    size = sum(path.stat().st_size for path in _files(folder).values())
    card = {**facts, "files": files, "digest": sha256_json(files), "disk_bytes": size}
    write_card(folder, ENGINE, card)
    return card


def read_engine(folder: Path) -> Engine:
    """Read an engine's card; raise ColdforgeError if it is not an engine, or a file is missing."""
    folder = folder.absolute()
    if not folder.is_dir():
        raise ColdforgeError(
            f"no such engine: {folder}", "run: invoke engine.build --checkpoint DIR --out ENGINE"
        )
    card = read_card(folder)
    if card.get("kind") != ENGINE:
        raise ColdforgeError(
            f"{folder} is not an engine: its {CARD} does not say so",
            "run: invoke engine.build --checkpoint DIR --out ENGINE",
        )
    for key in KEYS - card.keys():
        raise ColdforgeError(f"{CARD} of {folder} has no {key}", "copy the engine again")
    for name in card["files"]:
        if not (folder / name).is_file():
            raise ColdforgeError(f"{folder} lacks {name}", "copy the engine again, or build it")
    return Engine(folder, card)


def _files(folder: Path) -> dict[str, Path]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != CARD)
    return {str(path.relative_to(folder)): path for path in sorted(found)}
