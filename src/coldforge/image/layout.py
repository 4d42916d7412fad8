"""An OCI image layout on disk: the truth about what was built.

Source: OCI image-spec v1.1, image-layout.md, manifest.md, config.md.
"""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from coldforge.digest import canonical_json
from coldforge.errors import ColdforgeError

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
REF = "org.opencontainers.image.ref.name"


@dataclass(frozen=True)
class Descriptor:
    """What a blob is, its digest (`sha256:<hex>`) and its size."""

    media_type: str
    digest: str
    size: int

    def json(self) -> dict[str, Any]:
        """Spell it the way the specification does."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


class Layout:
    """A folder with oci-layout, index.json and blobs/sha256."""

    def __init__(self, root: Path) -> None:
        """Use `root`; it is made on the first write."""
        self.root = root

    def blob(self, digest: str) -> Path:
        """Name the place of a blob, present or not."""
        return self.root / "blobs" / "sha256" / digest.removeprefix("sha256:")

    @contextmanager
    def scratch(self) -> Iterator[BinaryIO]:
        """Yield a temporary file on the layout's file system; `keep` makes it a blob."""
        folder = self.root / "blobs" / "sha256"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".part-", delete=False) as stream:
            place = Path(stream.name)
            try:
                yield stream.file  # type: ignore[misc]
            finally:
                place.unlink(missing_ok=True)

    @contextmanager
    def held(self, alone: bool = False) -> Iterator[None]:
        """Keep blobs from being removed meanwhile; `alone`: raise ColdforgeError if others do."""
        self.root.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.root, os.O_RDONLY)
        try:
            _lock(folder, alone)
            yield
        finally:
            os.close(folder)

    def keep(self, stream: BinaryIO, sha256: str, media_type: str) -> Descriptor:
        """Give a scratch file its digest as its name, once its bytes are on disk."""
        stream.flush()
        os.fsync(stream.fileno())
        place = Path(str(stream.name))
        place.chmod(0o644)
        size = place.stat().st_size
        place.replace(self.blob(sha256))
        return Descriptor(media_type, f"sha256:{sha256}", size)

    def put(self, value: dict[str, Any], media_type: str) -> Descriptor:
        """Store a JSON document in its canonical form."""
        import hashlib

        data = canonical_json(value)
        sha256 = hashlib.sha256(data).hexdigest()
        with self.scratch() as stream:
            stream.write(data)
            return self.keep(stream, sha256, media_type)

    def read(self, digest: str) -> dict[str, Any]:
        """Load a JSON document; raise ColdforgeError if it is not there."""
        try:
            document: dict[str, Any] = json.loads(self.blob(digest).read_bytes())
        except FileNotFoundError as error:
            raise ColdforgeError(
                f"{self.root.name} lacks blob {digest}", "build it again"
            ) from error
        return document

    def tag(self, name: str, manifest: Descriptor) -> None:
        """Point `name` at a manifest, other names unchanged."""
        entries = {key: value for key, value in self.tags().items() if key != name}
        entries[name] = manifest.json() | {"annotations": {REF: name}}
        self.write_index([entries[key] for key in sorted(entries)])

    def write_index(self, manifests: list[dict[str, Any]]) -> None:
        """Write oci-layout and index.json, the latter by rename."""
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "oci-layout").write_bytes(canonical_json({"imageLayoutVersion": "1.0.0"}))
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        part = self.root / "index.json.part"
        part.write_bytes(canonical_json(index))
        part.replace(self.root / "index.json")

    def reachable(self) -> set[str]:
        """List the digests of every manifest, config and layer that a name leads to."""
        digests = {tag["digest"] for tag in self.tags().values()}
        for manifest in [self.read(digest) for digest in digests]:
            digests |= {manifest["config"]["digest"]}
            digests |= {layer["digest"] for layer in manifest["layers"]}
        return digests

    def tags(self) -> dict[str, dict[str, Any]]:
        """Read the index: name -> descriptor document."""
        path = self.root / "index.json"
        if not path.exists():
            return {}
        manifests = json.loads(path.read_bytes())["manifests"]
        return {item["annotations"][REF]: item for item in manifests}


def _lock(folder: int, alone: bool) -> None:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
    except BlockingIOError:
        raise ColdforgeError("a build is under way", "wait for its end") from None
