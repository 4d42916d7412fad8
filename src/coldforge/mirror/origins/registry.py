"""The registry origin: base images by digest, over the OCI distribution API."""

from collections.abc import Iterable

from coldforge.stack.lock import Entry


def resolve_image(image: str, use: str, platform: str, previous: list[Entry]) -> list[Entry]:
    """Pin manifest, config and layers of `repository@sha256:<hex>`; raise ColdforgeError."""
    raise NotImplementedError


class RegistryOrigin:
    """Where the blobs of a base image may be fetched."""

    def candidates(self, entry: Entry) -> Iterable[str]:
        """Give the URLs of the blob on the registries the user's configuration names."""
        raise NotImplementedError
