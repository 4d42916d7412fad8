"""The image that evidence is about."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from coldforge.errors import ColdforgeError
from coldforge.image.oci.layout import MANIFEST, Descriptor, Layout
from coldforge.mirror.origins.origin import package_url


@dataclass(frozen=True)
class ImageSubject:
    """An image by its stack's name, its manifest, and the time that it shows."""

    name: str
    manifest: Descriptor
    epoch: int

    @property
    def sha256(self) -> str:
        """Hex of the manifest's digest."""
        return self.manifest.digest.removeprefix("sha256:")

    @property
    def purl(self) -> str:
        """Name it as a package."""
        return package_url("oci", self.name, self.manifest.digest)

    @property
    def time(self) -> datetime:
        """Give the one time that everything about it shows."""
        return datetime.fromtimestamp(self.epoch, UTC)

    @property
    def uuid(self) -> str:
        """Give a UUID that only this image has."""
        return str(uuid5(NAMESPACE_URL, self.purl))


def find(layout: Layout, name: str) -> ImageSubject:
    """Find a built image by its stack's name; raise ColdforgeError."""
    tag = layout.tags().get(name)
    if tag is None:
        hint = f"run: ./invokew image.build --stack {name}"
        raise ColdforgeError(f"stack '{name}' is not built", hint)
    manifest = Descriptor(MANIFEST, tag["digest"], tag["size"])
    config = layout.read(layout.read(manifest.digest)["config"]["digest"])
    epoch = int(datetime.fromisoformat(config["created"]).timestamp())
    return ImageSubject(name, manifest, epoch)
