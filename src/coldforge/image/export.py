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
    if out.exists() and not (out / "oci-layout").exists() and any(out.iterdir()):
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
