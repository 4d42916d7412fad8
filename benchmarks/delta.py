"""Measure the bundle after an update of one wheel of stack cpu, and `docker save`.

In a clone of this commit: lock and build the stack with the previous pillow, send both kinds of
bundle to an empty receiver, and take its inventory. Then build with the checkout's own lock, and
bundle for that inventory. The receiver imports both and must have the same image. Needs the
network once (the previous pillow), the stack built (image.build), the tool's blobs (mirror.fetch
--stack tool) and Docker Engine.
Run: .venv/bin/python benchmarks/delta.py
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import msgspec
from bundle import clone
from cuda_build import forget

from coldforge.bundle.format.index import Kind
from coldforge.bundle.inventory import Inventory, take_inventory
from coldforge.bundle.packing.bundle import PackOptions, bundle
from coldforge.bundle.receiving.receive import ReceiveOptions, receive
from coldforge.image.oci.layout import Layout
from coldforge.paths import Workspace
from coldforge.progress import amount
from coldforge.stack.lock import read_lock, write_lock

ROOT = Path(__file__).resolve().parent.parent
STACK = "bench-delta"
WHEEL = "pillow"
KINDS: tuple[Kind, ...] = ("build", "install")


def main() -> None:
    """Print the bytes of both bundles, of docker save, and the ratios."""
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as name:
        space, closed = clone(Path(name) / "open"), Workspace(Path(name) / "closed")
        shutil.copytree(ROOT / "build" / "cache", space.build / "cache")
        shutil.copy(space.stacks / "cpu.toml", space.stacks / f"{STACK}.toml")
        copy_lock(space)
        older(space)
        for kind in KINDS:
            send(space, closed, kind, None)
        have = take_inventory(closed)
        newer(space)
        sizes = {kind: send(space, closed, kind, have) for kind in KINDS}
        digests = [Layout(one.build / "oci").tags()[STACK]["digest"] for one in (space, closed)]
    if digests[0] != digests[1]:
        raise SystemExit("the two sides have different images")
    saved = weigh(f"localhost/coldforge/{STACK}:latest")
    forget(f"localhost/coldforge/{STACK}:latest")
    for kind, size in sizes.items():
        print(f"{kind:<8} {amount(size)} of {amount(saved)}: {size / saved:.2%}")


def copy_lock(space: Workspace) -> None:
    """Give the stack the lock of stack cpu."""
    lock = read_lock(ROOT / "offline-mirror" / "cpu.lock")
    write_lock(space.lock(STACK), msgspec.structs.replace(lock, stack=STACK))


def older(space: Workspace) -> None:
    """Lock the version of the wheel before the locked one; fetch and build."""
    entries = read_lock(space.lock(STACK)).entries
    (version,) = {entry.version for entry in entries if entry.name == WHEEL}
    recipe = space.layers / "python" / "layer.toml"
    text = recipe.read_text("utf-8")
    recipe.write_text(text.replace("python = [", f'python = ["{WHEEL}<{version}", '), "utf-8")
    for task in ("stack.lock", "mirror.fetch", "image.build"):
        invoke(space, task)


def newer(space: Workspace) -> None:
    """Restore the recipe and the lock of the checkout; build."""
    subprocess.run(["git", "-C", str(space.root), "checkout", "-q", "docker/layers"], check=True)
    copy_lock(space)
    invoke(space, "image.build")


def invoke(space: Workspace, task: str) -> None:
    """Run a task of the clone."""
    command = [str(ROOT / ".venv" / "bin" / "invoke"), "--search-root", str(space.root)]
    environment = os.environ | {"COLDFORGE_ROOT": str(space.root)}
    subprocess.run([*command, task, "--stack", STACK], check=True, env=environment)


def send(space: Workspace, closed: Workspace, kind: Kind, have: Inventory | None) -> int:
    """Bundle for a receiver and receive it there; return the bytes of the bundle's files."""
    out = space.build / "out"
    made = bundle(space, STACK, kind, out, PackOptions(have))
    receive(closed, out, ReceiveOptions(digest=made.bundle))
    shutil.rmtree(out)
    return made.size


def weigh(image: str) -> int:
    """Count the bytes of `docker save`."""
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saving:
        assert saving.stdout is not None  # noqa: S101 - a pipe was asked for
        size = 0
        while chunk := saving.stdout.read(1 << 20):
            size += len(chunk)
    if saving.returncode:
        raise SystemExit("docker save failed")
    return size


if __name__ == "__main__":
    main()
