"""Documents of images: indexes, manifests and configs, read and checked.

Sources: OCI image-spec v1.1, manifest.md, image-index.md, config.md;
Docker "Image Manifest Version 2, Schema 2".
"""

import msgspec

from coldforge.errors import ColdforgeError

LAYERS = (".tar", ".tar+gzip", ".tar.gzip", ".tar+zstd")
"""How the media types end of layers that are file systems; others are artifacts."""


class Platform(msgspec.Struct, frozen=True):
    """What a manifest of an index is for."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        """Spell it as stacks do."""
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


class BlobDescriptor(msgspec.Struct, frozen=True, rename="camel"):
    """A descriptor: a blob's media type, digest and size."""

    digest: str
    size: int
    media_type: str = ""
    platform: Platform | None = None

    @property
    def sha256(self) -> str:
        """Give the digest's hex."""
        return self.digest.removeprefix("sha256:")


class OciDocument(msgspec.Struct, frozen=True, rename="camel"):
    """An index (it has manifests) or a manifest (it has a config)."""

    schema_version: int
    manifests: list[BlobDescriptor] = []
    config: BlobDescriptor | None = None
    layers: list[BlobDescriptor] = []


class _Root(msgspec.Struct, frozen=True):
    diff_ids: list[str]


class Config(msgspec.Struct, frozen=True):
    """What of an image's config decides how its layers are read."""

    os: str
    architecture: str
    rootfs: _Root


def parse_document(data: bytes, what: str) -> OciDocument:
    """Read an index or a manifest; raise ColdforgeError on anything else."""
    try:
        document = msgspec.json.decode(data, type=OciDocument)
    except msgspec.DecodeError as error:
        raise _strange(what, str(error)) from error
    parts = [*document.manifests, *document.layers, *filter(None, [document.config])]
    if document.schema_version != 2 or not (document.manifests or document.config):
        raise _strange(what, "neither an index nor a manifest of schema 2")
    for part in parts:
        digest = part.digest.partition(":")
        if (
            digest[0] != "sha256"
            or len(digest[2]) != 64
            or set(digest[2]) - set("0123456789abcdef")
        ):
            raise _strange(what, f"digest {part.digest[:80]!r} is not a sha256")
        if part.size < 0:
            raise _strange(what, "a negative size")
    for layer in document.layers:
        if not layer.media_type.endswith(LAYERS):
            raise _strange(what, f"a layer of type {layer.media_type!r} is not a file system")
    return document


def parse_config(data: bytes, what: str) -> Config:
    """Read an image's config; raise ColdforgeError."""
    try:
        return msgspec.json.decode(data, type=Config)
    except msgspec.DecodeError as error:
        raise _strange(what, str(error)) from error


def choose(index: OciDocument, platform: str, what: str) -> BlobDescriptor:
    """Pick the manifest for a platform (`linux/amd64`); raise ColdforgeError naming the others."""
    held = [part for part in index.manifests if part.platform]
    fits = [part for part in held if str(part.platform) == platform]
    if not fits:
        known = sorted({str(part.platform) for part in held if part.platform.os != "unknown"})  # type: ignore[union-attr]
        hint = f"it has: {', '.join(known) or 'none that says its platform'}"
        raise ColdforgeError(f"{what} has no image for {platform}", hint)
    return fits[0]


def _strange(what: str, why: str) -> ColdforgeError:
    return ColdforgeError(f"{what} is not a container image: {why}", "check the digest")
