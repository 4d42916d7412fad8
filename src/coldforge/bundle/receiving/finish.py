"""Finish a complete bundle: tag its images and install the tool it carries."""

import json
from pathlib import Path

from coldforge.bootstrap import toolkit
from coldforge.bootstrap.index import InstalledTool
from coldforge.bundle.format.index import Index
from coldforge.bundle.format.validate import DIGEST
from coldforge.bundle.stores import Stores
from coldforge.errors import MissingInputError, RefusedError
from coldforge.image.oci import referrers
from coldforge.image.oci.index import updated
from coldforge.image.oci.layout import Descriptor, Layout, blobs_of
from coldforge.paths import Workspace
from coldforge.progress import say
from coldforge.stack.lock import lock_digest

MAX_MANIFEST = 1 << 20  # bytes of a blob that may be a manifest


def name_images(index: Index, stores: Stores) -> list[str]:
    """Tag the images in the layout once all their blobs are there; return the names.

    Raise MissingInputError if a blob of an image is missing: the sender took it to be here.
    """
    layout = stores.layout
    images = {
        name: Descriptor(tag["mediaType"], tag["digest"], tag["size"])
        for name, tag in index.tags.items()
    }
    for name, image in images.items():
        lacking = [one for one in _parts(layout, name, image) if not layout.blob(one).is_file()]
        if lacking:
            message = f"image {name} lacks {len(lacking)} parts that the sender took to be here"
            hint = "run mirror.have and ask the sender for a bundle made with it"
            raise MissingInputError(message, hint)
    _list_referrers(index, layout)
    for name, image in images.items():
        layout.tag(name, image)
    return sorted(images)


def _parts(layout: Layout, name: str, image: Descriptor) -> set[str]:
    """List the digests of an image's blobs; for a missing manifest, its own."""
    if not layout.blob(image.digest).is_file():
        return {image.digest}
    try:
        parts = blobs_of(layout.read(image.digest))
        if all(DIGEST.fullmatch(part) for part in parts):
            return parts
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    message = f"what the bundle names {name} is not an image"
    raise RefusedError(message, "ask the sender for a new bundle")


def _list_referrers(index: Index, layout: Layout) -> None:
    """Add the items that refer to an image to the layout's index."""
    found = []
    for item in index.items:
        if item.store == "layout" and item.size <= MAX_MANIFEST:
            document = _document(layout.blob(item.sha256))
            if referrers.subject(document) and document.get("mediaType") == referrers.MANIFEST:
                descriptor = Descriptor(referrers.MANIFEST, f"sha256:{item.sha256}", item.size)
                found.append(descriptor.json() | referrers.summary(document))
    if found:
        with updated(layout.root) as entries:
            known = {entry["digest"] for entry in entries}
            entries += [entry for entry in found if entry["digest"] not in known]


def _document(path: Path) -> dict[str, object]:
    """Read a JSON object with a subject; {} for anything else."""
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return {}
    named = isinstance(document, dict) and isinstance(document.get("subject"), dict)
    return document if named else {}


def update_tool(space: Workspace, index: Index, stores: Stores, newest: bool) -> str:
    """Install and activate the bundle's tool, unless this is a git checkout; say what was done.

    `newest`: whether no newer bundle was received.
    """
    dest = tool_folder(space)
    if dest is None:
        return _compare_locks(space, index)
    tool = index.tool
    parts = [*tool.runtime, *tool.wheels, tool.project]
    if not newest:
        return "the tool is unchanged: a newer bundle brought it"
    if lacking := [one for one in parts if not stores.mirror.path(one).is_file()]:
        return f"the tool is unchanged: {len(lacking)} of the new one's files are not here"
    new = InstalledTool(tool.revision, tool.python, tool.runtime, list(tool.wheels), tool.project)
    with toolkit.exclusive(dest):
        version = toolkit.install(dest, new, stores.mirror.path)
        current = dest / toolkit.CURRENT
        if current.is_symlink() and current.resolve() == version.resolve():
            return f"the tool is revision {tool.revision[:12]}, in {current}"
        toolkit.activate(dest, version)
    return f"the tool is now revision {tool.revision[:12]}, in {current}"


def tool_folder(space: Workspace) -> Path | None:
    """Return the folder that tools are installed in; None if this is a checkout."""
    root = space.root.resolve()
    if (root / ".tool").is_symlink() and root.parent.name == "versions":
        return root.parent.parent
    return None


def _compare_locks(space: Workspace, index: Index) -> str:
    path = space.lock(index.stack)
    if not path.is_file() or lock_digest(path) == index.lock:
        return ""
    note = f"{path.name} of this checkout differs from the one that the bundle was made from"
    say(f"note: {note}")
    return note
