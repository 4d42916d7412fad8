"""What of an unfinished bundle is kept on this machine until the rest of it arrives."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from coldforge.bundle.format.volume import Sort
from coldforge.bundle.receiving.volumes import Holding, Holdings
from coldforge.files.atomic import write_at, write_file

NAME = re.compile(r"(data|parity)-(\d{3,6})")
SIGNED = ("index.json", "signatures.json")


class Staging:
    """A folder of sparse files, one a volume: right shards, and holes. Proved anew when read."""

    def __init__(self, folder: Path, holdings: Holdings) -> None:
        """Open what `folder` holds, if it is there, as more files of `holdings`."""
        self.folder, self.holdings = folder, holdings
        for path in sorted(folder.glob("*")) if folder.is_dir() else []:
            if match := NAME.fullmatch(path.name):
                sort: Sort = "data" if match[1] == "data" else "parity"
                number = int(match[2])
                if 0 < number <= len(holdings.of[sort]) and path.is_file():
                    self._open(sort, number)

    def __enter__(self) -> "Staging":
        """Keep its files open inside."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the files."""
        for holding in (*self.holdings.of["data"], *self.holdings.of["parity"]):
            if holding.staged is not None:
                os.close(holding.staged)
                holding.staged = None

    def put(self, sort: Sort, number: int, shard: int, data: bytes) -> None:
        """Write a right shard of volume `number` (from 1)."""
        holding = self.holdings.of[sort][number - 1]
        if holding.staged is None:
            self._open(sort, number)
        assert holding.staged is not None  # noqa: S101 - for the type checker
        write_at(holding.staged, data, shard * holding.shard)

    def keep(self, sort: Sort, number: int, advance: Callable[[int], None]) -> None:
        """Copy every right shard that the folder's files have, and that is not here yet."""
        holding = self.holdings.of[sort][number - 1]
        for shard in range(holding.count):
            if holding.staged is None or holding.prove(shard, carried=False) is None:
                data = holding.prove(shard)
                if data is not None:
                    self.put(sort, number, shard, data)
            advance(min(holding.shard, holding.size - shard * holding.shard))

    def keep_index(self, index: bytes, signatures: bytes) -> None:
        """Keep what proves the shards, for volumes that come without."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, data in zip(SIGNED, (index, signatures), strict=True):
            if not (self.folder / name).is_file():
                write_file(self.folder / name, data)

    def wants(self, holding: Holding) -> int:
        """Bound the bytes that keeping a volume may take more than it takes now."""
        held = 0 if holding.staged is None else 512 * os.fstat(holding.staged).st_blocks
        return max(0, holding.size - held)

    def _open(self, sort: Sort, number: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{sort}-{number:03}"
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self.holdings.of[sort][number - 1].staged = os.open(path, flags, 0o600)
