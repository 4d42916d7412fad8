"""An OCI image layout on disk: what was built.

Source: OCI image-spec v1.1, image-layout.md, manifest.md, config.md.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from coldforge.errors import ColdforgeError
from coldforge.files.atomic import publish
from coldforge.files.digest import canonical_json
from coldforge.files.lock import locked
from coldforge.image.oci import referrers
from coldforge.image.oci.index import REF, name_of, read_index, updated, write_index

MANIFEST = referrers.MANIFEST
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
EMPTY = "application/vnd.oci.empty.v1+json"


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
    def held(self, exclusive: bool = False) -> Iterator[None]:
        """Keep blobs from being removed; `exclusive`: raise ColdforgeError if others hold them."""
        self.root.mkdir(parents=True, exist_ok=True)
        busy = ColdforgeError("a build is under way", "wait for its end") if exclusive else None
        with locked(self.root, shared=not exclusive, busy=busy):
            yield

    def keep(self, stream: BinaryIO, sha256: str, media_type: str) -> Descriptor:
        """Give a scratch file its digest as its name, once its bytes are on disk."""
        stream.flush()
        place = Path(str(stream.name))
        place.chmod(0o644)
        size = place.stat().st_size
        publish(place, self.blob(sha256))
        return Descriptor(media_type, f"sha256:{sha256}", size)

    def put(self, value: dict[str, Any], media_type: str) -> Descriptor:
        """Store a JSON document in its canonical form."""
        return self.put_bytes(canonical_json(value), media_type)

    def put_bytes(self, data: bytes, media_type: str) -> Descriptor:
        """Store a small blob; what is there already is left as it is."""
        sha256 = hashlib.sha256(data).hexdigest()
        place = self.blob(sha256)
        if place.exists() and place.read_bytes() == data:
            return Descriptor(media_type, f"sha256:{sha256}", len(data))
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
        """Point `name` at a manifest; other names, and referrers unchanged."""
        with updated(self.root) as entries:
            entries[:] = [entry for entry in entries if name_of(entry) != name]
            entries.append(manifest.json() | {"annotations": {REF: name}})

    def write_index(self, manifests: list[dict[str, Any]]) -> None:
        """Write oci-layout and an index.json of `manifests`."""
        write_index(self.root, manifests)

    def tags(self) -> dict[str, dict[str, Any]]:
        """Read the index: name -> descriptor document."""
        entries = read_index(self.root)
        return {name: entry for entry in entries if (name := name_of(entry))}

    def refer(
        self,
        subject: Descriptor,
        artifact_type: str,
        media_type: str,
        data: bytes,
        annotations: dict[str, str] | None = None,
    ) -> Descriptor:
        """Store `data` as a referrer of `subject` unless it is there; return its manifest."""
        with self.held():
            config = self.put_bytes(b"{}", EMPTY)
            layer = self.put_bytes(data, media_type)
            parts = (subject.json(), config.json(), layer.json())
            document = referrers.manifest(artifact_type, parts, annotations or {})
            made = self.put(document, MANIFEST)
            with updated(self.root) as entries:
                if made.digest not in {entry["digest"] for entry in entries}:
                    entries.append(made.json() | referrers.summary(document))
        return made

    def referrers(self, digest: str) -> list[dict[str, Any]]:
        """List what refers to manifest `digest`: descriptor documents with artifactType."""
        return [entry for entry, of in self._referring() if of == digest]

    def reachable(self) -> set[str]:
        """List the digests of the blobs that a name leads to, and of what refers to those images.

        Raise ColdforgeError if a named manifest is not there.
        """
        named = {tag["digest"] for tag in self.tags().values()}
        manifests = named | {entry["digest"] for entry, of in self._referring() if of in named}
        return manifests.union(*(blobs_of(self.read(digest)) for digest in manifests))

    def forget(self, digests: set[str]) -> None:
        """Remove referrers from the index, by manifest; named images stay."""
        with updated(self.root) as entries:
            entries[:] = [
                item for item in entries if name_of(item) or item["digest"] not in digests
            ]

    def forget_strays(self) -> None:
        """Remove from the index what refers to an image without a name."""
        named = {tag["digest"] for tag in self.tags().values()}
        kept = {entry["digest"] for entry, of in self._referring() if of in named}
        with updated(self.root) as entries:
            entries[:] = [entry for entry in entries if name_of(entry) or entry["digest"] in kept]

    def _referring(self) -> list[tuple[dict[str, Any], str]]:
        """List nameless entries whose manifest is there, each with its subject's digest."""
        nameless = [entry for entry in read_index(self.root) if not name_of(entry)]
        there = [entry for entry in nameless if self.blob(entry["digest"]).exists()]
        return [(entry, referrers.subject(self.read(entry["digest"]))) for entry in there]


def blobs_of(manifest: dict[str, Any]) -> set[str]:
    """List the digests of a manifest's config and layers."""
    return {manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])}
