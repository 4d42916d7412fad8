"""Keep the intact shards of an incomplete bundle until its other volumes arrive."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from coldforge.bundle.format.volume import VolumeKind
from coldforge.bundle.receiving.volumes import VolumeReader, VolumeSet
from coldforge.files.atomic import write_at, write_file
from coldforge.paths import Workspace

NAME = re.compile(r"(data|parity)-(\d{3,6})")
SIGNED = ("index.json", "signatures.json")


def staging_path(space: Workspace, bundle: str = "") -> Path:
    """Return the folder of an incomplete bundle, or of all of them."""
    return space.site / "staging" / bundle


class Staging:
    """A folder of sparse files, one per volume; every shard is verified when it is read."""

    def __init__(self, folder: Path, volumes: VolumeSet) -> None:
        """Add what `folder` holds to `volumes`; the folder need not exist."""
        self.folder, self.volumes = folder, volumes
        for path in sorted(folder.glob("*")) if folder.is_dir() else []:
            if match := NAME.fullmatch(path.name):
                kind: VolumeKind = "data" if match[1] == "data" else "parity"
                number = int(match[2])
                if 0 < number <= len(volumes.readers[kind]) and path.is_file():
                    self._open(kind, number)

    def __enter__(self) -> "Staging":
        """Return self."""
        return self

    def __exit__(
        self,
        exception: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the files."""
        for reader in (*self.volumes.readers["data"], *self.volumes.readers["parity"]):
            if reader.staged is not None:
                os.close(reader.staged)
                reader.staged = None

    def write_shard(self, kind: VolumeKind, number: int, shard: int, data: bytes) -> None:
        """Write an intact shard of volume `number` (from 1)."""
        reader = self.volumes.readers[kind][number - 1]
        if reader.staged is None:
            self._open(kind, number)
        assert reader.staged is not None  # noqa: S101 - for the type checker
        write_at(reader.staged, data, shard * reader.shard)

    def copy_shards(self, kind: VolumeKind, number: int, advance: Callable[[int], None]) -> None:
        """Copy every intact shard that is not staged yet from the bundle's folder."""
        reader = self.volumes.readers[kind][number - 1]
        for shard in range(reader.count):
            if reader.staged is None or reader.read_shard(shard, staged_only=True) is None:
                data = reader.read_shard(shard)
                if data is not None:
                    self.write_shard(kind, number, shard, data)
            advance(min(reader.shard, reader.size - shard * reader.shard))

    def write_index(self, index: bytes, signatures: bytes) -> None:
        """Keep the index and signatures, for volumes whose own copies are damaged."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, data in zip(SIGNED, (index, signatures), strict=True):
            if not (self.folder / name).is_file():
                write_file(self.folder / name, data)

    def space_needed(self, reader: VolumeReader) -> int:
        """Return how many bytes staging a whole volume may add, at most."""
        held = 0 if reader.staged is None else 512 * os.fstat(reader.staged).st_blocks
        return max(0, reader.size - held)

    def _open(self, kind: VolumeKind, number: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{kind}-{number:03}"
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self.volumes.readers[kind][number - 1].staged = os.open(path, flags, 0o600)
