"""Name an image without a host: `repository@sha256:<hex>`.

Grammar: github.com/distribution/reference, and OCI distribution-spec v1.1, "Pulling manifests".
"""

import re

import msgspec

from coldforge.errors import ColdforgeError

PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REPOSITORY = re.compile(rf"{PART}(?:/{PART})*")
HOST = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::[0-9]+)?")
DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
LONGEST = 255


class ImageReference(msgspec.Struct, frozen=True):
    """A repository, and the digest of a manifest or index in it."""

    repository: str
    sha256: str

    def __str__(self) -> str:
        """Spell it as recipes do."""
        return f"{self.repository}@sha256:{self.sha256}"


def parse_reference(text: str) -> ImageReference:
    """Read `repository@sha256:<hex>`; raise ColdforgeError on a tag, a host or another form."""
    name, mark, digest = text.partition("@")
    if not mark:
        tagged = ":" in name.rpartition("/")[2]
        what = "a tag, which may move, instead of a digest" if tagged else "no digest"
        place = f"{'' if has_host(name) else 'HOST/'}{name}{'' if tagged else ':TAG'}"
        hint = f"find it: skopeo inspect --format '{{{{.Digest}}}}' docker://{place}"
        raise ColdforgeError(f"image '{text}' has {what}", hint)
    if has_host(name):
        hint = (
            f"write '{text.partition('/')[2]}', and name the registry in "
            "unqualified-search-registries of ~/.config/containers/registries.conf"
        )
        raise ColdforgeError(f"image '{text}' names a registry; a lock names none", hint)
    found = DIGEST.fullmatch(digest)
    if not found or not REPOSITORY.fullmatch(name) or len(name) > LONGEST:
        hint = "write repository@sha256:<64 hex digits>, in lower case"
        raise ColdforgeError(f"'{text}' is not an image by digest", hint)
    return ImageReference(name, found[1])


def has_host(name: str) -> bool:
    """Tell whether the first part of a name is a host, as Docker reads it."""
    first, slash, _ = name.partition("/")
    sign = first == "localhost" or "." in first or ":" in first
    return bool(slash and sign and HOST.fullmatch(first))
