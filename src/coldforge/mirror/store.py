"""Blobs under their sha256; visible only after their bytes were verified."""

from collections.abc import Iterator
from pathlib import Path

from coldforge.errors import NotFetchedError
from coldforge.files.atomic import publish
from coldforge.files.digest import sha256_file


class Store:
    """A folder of blobs: sha256/<2 hex>/<64 hex>, beside partial/ and damaged/."""

    def __init__(self, root: Path) -> None:
        """Use `root`; it is made on the first write."""
        self.root = root

    def path(self, sha256: str) -> Path:
        """Name the place of a blob, present or not."""
        return self.root / "sha256" / sha256[:2] / sha256

    def partial(self, sha256: str) -> Path:
        """Name the place where a download of this blob grows; its folder exists."""
        folder = self.root / "partial"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / sha256

    def has(self, sha256: str, size: int) -> bool:
        """Tell whether the blob is visible with its size; its bytes were verified on entry."""
        path = self.path(sha256)
        return path.is_file() and path.stat().st_size == size

    def need(self, sha256: str, what: str, hint: str) -> Path:
        """Return the blob's path or raise NotFetchedError naming `what` is missing."""
        path = self.path(sha256)
        if not path.is_file():
            raise NotFetchedError(f"the mirror lacks {what} (sha256 {sha256[:12]}…)", hint)
        return path

    def publish(self, part: Path, sha256: str) -> Path:
        """Make a complete partial file visible; the caller has verified its digest.

        Its bytes reach the disk before its name does: a power cut leaves no wrong blob.
        """
        place = self.path(sha256)
        place.parent.mkdir(parents=True, exist_ok=True)
        part.chmod(0o644)
        publish(part, place)
        return place

    def quarantine(self, sha256: str) -> Path:
        """Move a blob whose bytes are wrong aside, so that it is fetched again."""
        aside = self.root / "damaged" / sha256
        aside.parent.mkdir(parents=True, exist_ok=True)
        self.path(sha256).replace(aside)
        return aside

    def blobs(self) -> Iterator[Path]:
        """List every visible blob, sorted."""
        yield from sorted((self.root / "sha256").glob("*/*"))

    def intact(self, path: Path) -> bool:
        """Re-hash a visible blob against its name."""
        return sha256_file(path) == path.name
