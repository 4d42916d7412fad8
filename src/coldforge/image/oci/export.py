"""Export a built image as an OCI layout."""

import shutil
from pathlib import Path
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.files.atomic import publish_folder
from coldforge.image.oci.index import REF
from coldforge.image.oci.layout import MANIFEST, Descriptor, Layout, blobs_of
from coldforge.progress import step


def export(layout: Layout, name: str, out: Path) -> Descriptor:
    """Copy image `name` and what refers to it to a new folder `out`; return its manifest.

    The folder appears complete or not at all.

    Raise ColdforgeError if the image is not built or `out` holds something else.
    """
    tag = layout.tags().get(name)
    if tag is None:
        hint = f"run: ./invokew image.build --stack {name}"
        raise ColdforgeError(f"stack '{name}' is not built", hint)
    out = out.resolve()
    if out == layout.root.resolve() or not _free(out, name):
        raise ColdforgeError(f"{out} holds something else", "name a folder that is not there yet")
    referring = layout.referrers(tag["digest"])
    blobs = sorted(_blobs(layout, [tag, *referring]))
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    target = Layout(part)
    with step(f"Exporting {name}", sum(place.stat().st_size for place in blobs)) as progress:
        target.write_index([{**tag, "annotations": {REF: name}}, *referring])
        for place in blobs:
            copy = target.blob(place.name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(place, copy)
            progress.advance(copy.stat().st_size)
        shutil.rmtree(out, ignore_errors=True)
        publish_folder(part, out)
    return Descriptor(MANIFEST, tag["digest"], tag["size"])


def _blobs(layout: Layout, manifests: list[dict[str, Any]]) -> set[Path]:
    """List the files of manifests and of what they are made of."""
    digests = {item["digest"] for item in manifests}
    parts = (blobs_of(layout.read(digest)) for digest in digests)
    return {layout.blob(digest) for digest in digests.union(*parts)}


def _free(out: Path, name: str) -> bool:
    """Tell whether `out` is nothing, nothing yet, or an earlier export of this image."""
    if not out.is_dir():
        return not out.exists()
    try:
        return not any(out.iterdir()) or list(Layout(out).tags()) == [name]
    except (KeyError, TypeError, ValueError):
        return False
