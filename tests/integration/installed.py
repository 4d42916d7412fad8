"""Small images to deploy, and their tags in Docker Engine."""

import io
import os
from typing import Any

from coldforge.deploy.image import StoredImage, find_image
from coldforge.image.containers.docker_engine import image_name, remove_image
from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import LayerWriter
from coldforge.image.oci.config import image_manifest
from coldforge.image.oci.layout import CONFIG, LAYER, MANIFEST, Layout


def small_image(layout: Layout, stack: str, *sizes: int) -> StoredImage:
    """Make an image of layers of random bytes, of the given sizes."""
    layers = []
    for number, size in enumerate(sizes):
        with layout.scratch() as stream:
            writer = LayerWriter(stream, 1)
            member = Member(f"file-{number}", "file", 0o644, size=size)
            writer.add(member, io.BytesIO(os.urandom(size)))
            layers.append(layout.keep(stream, writer.close()[0], LAYER))
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/none"]},
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
    }
    layout.tag(stack, layout.put(image_manifest(layout.put(config, CONFIG), layers), MANIFEST))
    return find_image(layout, stack)


def remove_tags(engine: Any, stack: str) -> None:
    """Remove every tag of a stack from Docker Engine."""
    prefix = image_name(stack, "")
    for image in engine.api.images():
        for name in image.get("RepoTags") or []:
            if name.startswith(prefix):
                remove_image(engine, name)
