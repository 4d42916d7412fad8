"""Give a built image away as a standard OCI layout of its own."""

import shutil
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.image.layout import MANIFEST, REF, Descriptor, Layout
from coldforge.progress import step


def export(layout: Layout, name: str, out: Path) -> Descriptor:
    """Copy image `name` to a new folder `out`, whole or not at all; return its manifest.

    Raise ColdforgeError if the image is not built or `out` holds something else.
    """
    tag = layout.tags().get(name)
    if tag is None:
        hint = f"run: ./invokew image.build --stack {name}"
        raise ColdforgeError(f"stack '{name}' is not built", hint)
    out = out.resolve()
    if out == layout.root.resolve() or not _free(out, name):
        raise ColdforgeError(f"{out} holds something else", "name a folder that is not there yet")
    manifest = layout.read(tag["digest"])
    blobs = [tag, manifest["config"], *manifest["layers"]]
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    target = Layout(part)
    with step(f"Exporting {name}", sum(blob["size"] for blob in blobs)) as progress:
        for blob in blobs:
            place = target.blob(blob["digest"])
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(layout.blob(blob["digest"]), place)
            progress.advance(blob["size"])
        target.write_index([{**tag, "annotations": {REF: name}}])
        shutil.rmtree(out, ignore_errors=True)
        part.replace(out)
    return Descriptor(MANIFEST, tag["digest"], tag["size"])


def _free(out: Path, name: str) -> bool:
    """Tell whether `out` is nothing, nothing yet, or an earlier export of this image."""
    if not out.is_dir():
        return not out.exists()
    try:
        return not any(out.iterdir()) or list(Layout(out).tags()) == [name]
    except (KeyError, TypeError, ValueError):
        return False
