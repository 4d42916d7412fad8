"""The registry origin: base images by digest, over the OCI distribution API."""

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from coldforge.errors import ColdforgeError
from coldforge.mirror.http.registry import DENIED, AnswerError, Kind, RegistryClient, url_of
from coldforge.mirror.http.retry import TransientError
from coldforge.mirror.origins.oci import documents
from coldforge.mirror.origins.oci.documents import BlobDescriptor, OciDocument
from coldforge.mirror.origins.oci.reference import ImageReference, parse_reference
from coldforge.mirror.origins.origin import Locator
from coldforge.mirror.settings.registries import HINT, Containers, read_containers
from coldforge.stack.lock import Entry

if TYPE_CHECKING:
    import httpx


def resolve_image(image: str, use: str, platform: str, previous: list[Entry]) -> list[Entry]:
    """Pin index, manifest, config and layers of `repository@sha256:<hex>`; raise ColdforgeError.

    Earlier pins of the same digest and platform stay, and then no registry is asked.
    """
    asked = parse_reference(image)
    held = [entry for entry in previous if entry.origin == "registry" and entry.use == use]
    held = [entry for entry in held if _is_of(entry, asked, platform)]
    if any(entry.sha256 == asked.sha256 for entry in held):
        return held
    from coldforge.mirror.http.client import client
    from coldforge.mirror.settings.pip import read_pip

    with client(read_pip()) as http:
        return _Reading(http, asked, read_containers()).entries(use, platform)


class RegistryLocator(Locator):
    """Where the blobs of a base image may be fetched."""

    def __init__(self, containers: Containers | None = None) -> None:
        """Use these registries, or those of the user's configuration; raise ColdforgeError."""
        self._containers = containers or read_containers()

    def candidates(self, entry: Entry) -> Iterable[str]:
        """Give the URLs of the blob on the registries the user's configuration names."""
        if entry.origin != "registry":
            return
        repository, kind, digest = entry.path.rsplit("/", 2)
        for endpoint in self._containers.endpoints(repository):
            yield url_of(endpoint, cast("Kind", kind), digest)


class _Reading:
    """One image being read: every document is checked against its digest."""

    def __init__(self, http: "httpx.Client", asked: ImageReference, containers: Containers) -> None:
        self.asked = asked
        self.clients = [RegistryClient(http, at) for at in containers.endpoints(asked.repository)]

    def entries(self, use: str, platform: str) -> list[Entry]:
        what = str(self.asked)
        data = self._read("manifests", f"sha256:{self.asked.sha256}")
        found = {
            "manifest": ("manifests", BlobDescriptor(f"sha256:{self.asked.sha256}", len(data)))
        }
        document = documents.parse_document(data, what)
        if document.manifests:
            found["index"] = found["manifest"]
            chosen = documents.choose(document, platform, what)
            found["manifest"] = ("manifests", chosen)
            data = self._read("manifests", chosen.digest, chosen.size)
            document = documents.parse_document(data, what)
        found |= self._content(document, platform)
        return [self._entry(use, platform, *item) for item in found.items()]

    def _content(
        self, document: OciDocument, platform: str
    ) -> dict[str, tuple[str, BlobDescriptor]]:
        """List config and layers, the config fitting both layers and platform."""
        what, part = str(self.asked), document.config
        if part is None:
            raise ColdforgeError(f"{what} is an index within an index", "take a digest inside it")
        config = documents.parse_config(self._read("blobs", part.digest, part.size), what)
        if f"{config.os}/{config.architecture}" != platform:
            message = f"{what} is for {config.os}/{config.architecture}, the stack for {platform}"
            raise ColdforgeError(message, "take the digest of an index, or of the other manifest")
        if len(config.rootfs.diff_ids) != len(document.layers):
            raise ColdforgeError(f"{what}: config and manifest disagree on the number of layers")
        layers = {f"layer {n:02}": ("blobs", layer) for n, layer in enumerate(document.layers, 1)}
        return {"config": ("blobs", part), **layers}

    def _entry(
        self, use: str, platform: str, role: str, found: tuple[str, BlobDescriptor]
    ) -> Entry:
        kind, part = found
        return Entry(
            use=use,
            origin="registry",
            name=f"{self.asked.repository} {role}",
            version=_version(self.asked, platform),
            path=f"{self.asked.repository}/{kind}/{part.digest}",
            size=part.size,
            sha256=part.sha256,
        )

    def _read(self, kind: Kind, digest: str, size: int | None = None) -> bytes:
        """Read a document from the first registry that has it right; raise ColdforgeError."""
        reasons, denied = [], []
        for client in self.clients:
            try:
                data = client.read(kind, digest)
            except (AnswerError, TransientError) as error:
                reasons.append(f"{client.host}: {error}")
                if isinstance(error, AnswerError) and error.status in DENIED:
                    denied.append(client.host)
                continue
            if hashlib.sha256(data).hexdigest() != digest.removeprefix("sha256:"):
                reasons.append(f"{client.host}: other bytes than the digest says")
            elif size not in (None, len(data)):
                reasons.append(f"{client.host}: {len(data)} bytes instead of {size}")
            else:
                return data
        login = f"; to log in: docker login {denied[0]}" if denied else ""
        message = f"no registry has {self.asked}: {'; '.join(reasons) or 'all are blocked'}"
        raise ColdforgeError(message, HINT + login)


def _version(asked: ImageReference, platform: str) -> str:
    return f"{platform}@{asked.sha256[:12]}"


def _is_of(entry: Entry, asked: ImageReference, platform: str) -> bool:
    same = entry.version == _version(asked, platform)
    return same and entry.path.startswith(
        (f"{asked.repository}/manifests/", f"{asked.repository}/blobs/")
    )
