"""An image of the layout, its documents read and hashed again before it is deployed."""

import hashlib
import json
from typing import Any, NamedTuple

from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.image.oci.layout import MANIFEST, Descriptor, Layout


class StoredImage(NamedTuple):
    """A stack's image and the layout that holds it."""

    stack: str
    layout: Layout
    manifest: Descriptor
    document: dict[str, Any]
    """The manifest's content."""
    layers: list[str]
    """The diffIDs, lowest first."""

    @property
    def ids(self) -> tuple[str, str]:
        """Give what an engine may call it: its config's digest, or its manifest's."""
        return str(self.document["config"]["digest"]), self.manifest.digest


def find_image(layout: Layout, stack: str) -> StoredImage:
    """Read a stack's image; raise ColdforgeError if it is absent or its documents are damaged."""
    tag = layout.tags().get(stack)
    if tag is None:
        known = ", ".join(sorted(layout.tags())) or "none"
        hint = f"build it (./invokew image.build --stack {stack}) or receive it; here: {known}"
        raise MissingInputError(f"no image of stack '{stack}' is here", hint)
    manifest = Descriptor(MANIFEST, tag["digest"], tag["size"])
    document = json.loads(read_checked(layout, manifest.digest))
    config = json.loads(read_checked(layout, document["config"]["digest"]))
    return StoredImage(stack, layout, manifest, document, config["rootfs"]["diff_ids"])


def read_checked(layout: Layout, digest: str) -> bytes:
    """Read a small blob; raise ColdforgeError unless its bytes are those of its digest."""
    try:
        data = layout.blob(digest).read_bytes()
    except FileNotFoundError:
        raise _damaged(f"blob {digest} is not here") from None
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
        raise _damaged(f"blob {digest} holds other bytes")
    return data


def check_whole(image: StoredImage) -> None:
    """Raise ColdforgeError unless each layer's file is there in its full size."""
    for layer in image.document["layers"]:
        place = image.layout.blob(layer["digest"])
        size = place.stat().st_size if place.is_file() else None
        if size != layer["size"]:
            found = "is not here" if size is None else f"has {size} bytes, not {layer['size']}"
            raise _damaged(f"layer {layer['digest']} {found}")


def _damaged(what: str) -> ColdforgeError:
    return ColdforgeError(what, "build the stack again, or receive its bundle again")
