"""An open side made by hand: stacks `demo` and `tool`, their locks, blobs, and a built image."""

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

from coldforge.bundle.inventory import Inventory
from coldforge.bundle.packing.tool import RUNTIME
from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import LayerWriter
from coldforge.image.layers.project import revision
from coldforge.image.oci.config import image_manifest
from coldforge.image.oci.layout import CONFIG, LAYER, MANIFEST, Descriptor, Layout
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, Lock, lock_digest, write_lock
from coldforge.stack.stack import read_stack

STACK = """\
summary = "Two layers"
epoch = 1735689600
layers = ["base", "{layer}"]
[debian]
suites = [{{ name = "bookworm" }}]
[python]
version = "3.11"
platform = "x86_64-manylinux_2_36"
"""
LAYERS = {
    "base": '[inputs]\ndebian = ["libc6"]\n',
    "python": '[inputs]\npython = ["torch==2"]\n',
    "tool": '[inputs]\npython = ["invoke==1"]\n',
}


def put_blob(space: Workspace, data: bytes) -> str:
    """Make a blob visible in the mirror."""
    store, sha256 = Store(space.mirror / "blobs"), hashlib.sha256(data).hexdigest()
    store.partial(sha256).write_bytes(data)
    store.publish(store.partial(sha256), sha256)
    return sha256


def entry(space: Workspace, use: str, origin: str, what: str, data: bytes) -> Entry:
    """An entry `name version`, its blob in the mirror."""
    name, version = what.split()
    path = f"{name}-{version}-py3-none-any.whl" if origin == "python" else f"{name}_{version}.deb"
    values: dict[str, Any] = {"use": use, "origin": origin, "name": name, "version": version}
    return Entry(**values, path=path, size=len(data), sha256=put_blob(space, data))


def write_site_lock(space: Workspace, stack: str, entries: list[Entry]) -> None:
    requests = read_stack(space, stack).requests()
    write_lock(space.lock(stack), Lock(1, stack, requests, [], entries))


def sending_site(root: Path, torch: bytes = b"torch 2") -> Workspace:
    """A checkout without git that has all that its stacks lock."""
    space = Workspace(root)
    space.stacks.mkdir(parents=True)
    for name, text in LAYERS.items():
        (space.layers / name).mkdir(parents=True)
        (space.layers / name / "layer.toml").write_text(f'summary = "{name}"\n{text}', "utf-8")
    (space.stacks / "demo.toml").write_text(STACK.format(layer="python"), "utf-8")
    (space.stacks / "tool.toml").write_text(STACK.format(layer="tool"), "utf-8")
    (space.root / "invokew").write_text("#!/bin/sh\n", "utf-8")
    (space.root / "invokew").chmod(0o755)
    runtime = [entry(space, "base", "debian", f"{name} 1", name.encode()) for name in RUNTIME]
    invoke = entry(space, "tool", "python", "invoke 1", b"invoke")
    write_site_lock(space, "tool", [*runtime, invoke])
    libc = next(one for one in runtime if one.name == "libc6")
    write_site_lock(space, "demo", [libc, entry(space, "python", "python", "torch 2", torch)])
    return space


def layer(space: Workspace, content: bytes) -> Descriptor:
    """A layer of one file."""
    layout = Layout(space.build / "oci")
    with layout.scratch() as stream:
        writer = LayerWriter(stream, 0)
        writer.add(Member("lib.so", "file", 0o644, size=len(content)), BytesIO(content))
        sha256, _ = writer.close()
        return layout.keep(stream, sha256, LAYER)


def image(space: Workspace, layers: dict[str, bytes], **labels: str) -> Descriptor:
    """An image `demo` as image.build leaves it: layer name -> content of its file."""
    layout = Layout(space.build / "oci")
    made = {name: layer(space, content) for name, content in layers.items()}
    said = {
        "coldforge.lock": f"sha256:{lock_digest(space.lock('demo'))}",
        "org.opencontainers.image.revision": revision(space),
    }
    config = {
        "config": {"Labels": said | labels},
        "rootfs": {"type": "layers", "diff_ids": [one.digest for one in made.values()]},
        "history": [{"created_by": f"coldforge layer {name}"} for name in made],
    }
    described = image_manifest(layout.put(config, CONFIG), list(made.values()))
    manifest = layout.put(described, MANIFEST)
    layout.tag("demo", manifest)
    return manifest


def inventory_of(mirror: list[str] | None = None, layout: list[str] | None = None) -> Inventory:
    """The inventory of a place that has just these blobs."""
    short = [
        b"".join(sorted({bytes.fromhex(one)[:10] for one in held or []}))
        for held in (mirror, layout)
    ]
    return Inventory("0", short[0], short[1], {}, [], 0)
