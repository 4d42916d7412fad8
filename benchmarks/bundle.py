"""Time packing and receiving a bundle, and `tar | zstd` and `sha256sum` of the same files.

For each kind of bundle of stack cpu: pack it for an empty receiver, without a cache of packed
layers; tar and compress the same blobs; receive the bundle; hash the same blobs. MB are of the
blobs before compression. Both writers sync their output to disk. Needs the stack built from this
commit (image.build), the tool's blobs (mirror.fetch --stack tool) and zstd.
Run: .venv/bin/python benchmarks/bundle.py
"""

import os
import shlex
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from noop_build import timed

from coldforge.bundle.format.index import Index, Kind
from coldforge.bundle.packing.bundle import bundle
from coldforge.bundle.receiving.receive import ReceiveOptions, receive
from coldforge.bundle.stores import Stores
from coldforge.paths import Workspace

RUNS = 3
ROOT = Path(__file__).resolve().parent.parent
STACK = "cpu"
KINDS: tuple[Kind, ...] = ("build", "install")


def main() -> None:
    """Print medians and ratios for both kinds."""
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        space = clone(Path(folder) / "open")
        for kind in KINDS:
            runs = [run(space, kind, Path(folder)) for _ in range(RUNS)]
            report(kind, [statistics.median(column) for column in zip(*runs, strict=True)])


def report(kind: Kind, speeds: list[float]) -> None:
    """Print two lines: packing and receiving, each with its peer."""
    ours, peer, taking, hashing = speeds
    print(f"{kind:<8} bundle   {ours:5.0f} MB/s    tar | zstd {peer:5.0f} MB/s", end="")
    print(f"    ratio of times {peer / ours:.2f}")
    print(f"{'':<8} receive  {taking:5.0f} MB/s    sha256sum  {hashing:5.0f} MB/s", end="")
    print(f"    ratio of times {hashing / taking:.2f}")


def run(space: Workspace, kind: Kind, folder: Path) -> list[float]:
    """Run all four once; return the MB/s of each."""
    out, closed = folder / "bundle", Workspace(folder / "closed")
    shutil.rmtree(space.build / "bundle" / "encoded", ignore_errors=True)
    start = time.perf_counter()
    made = bundle(space, STACK, kind, out)
    seconds = [time.perf_counter() - start]
    blobs = blobs_of(made.index, space)
    seconds.append(timed(["sh", "-c", tar_zstd(blobs, folder / "peer")]))
    start = time.perf_counter()
    receive(closed, out, ReceiveOptions(digest=made.bundle))
    seconds.append(time.perf_counter() - start)
    seconds.append(timed(["sha256sum", *blobs]))
    shutil.rmtree(out)
    shutil.rmtree(closed.root)
    size = sum(item.size for item in made.index.items) / 1e6
    return [size / each for each in seconds]


def clone(root: Path) -> Workspace:
    """Make a checkout of this commit that shares its blobs and built images."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(root)], check=True)
    for folder in ("offline-mirror/blobs", "build/oci/blobs", "build/wheels"):
        shutil.copytree(ROOT / folder, root / folder, copy_function=os.link)
    for name in ("oci-layout", "index.json"):
        shutil.copy(ROOT / "build" / "oci" / name, root / "build" / "oci" / name)
    return Workspace(root)


def blobs_of(index: Index, space: Workspace) -> list[str]:
    """Name the files of a bundle's blobs."""
    stores = Stores(space)
    return [str(stores.path(item.store, item.sha256)) for item in index.items]


def tar_zstd(blobs: list[str], out: Path) -> str:
    """Return the peer's command, which removes its output afterwards."""
    return f"tar -cPf - {shlex.join(blobs)} | zstd -q -T0 -o {out} && sync {out} && rm {out}"


if __name__ == "__main__":
    main()
