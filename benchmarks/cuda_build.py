"""Time the CUDA layer from its wheels into Docker Engine, and BuildKit's build of the same files.

Both add one layer to the same image of base and toolchain, alternately, on the same Docker Engine,
from wheels that are already on this disk; then every file of both images is compared. Needs the
wheels (mirror.fetch --stack cuda13) and `docker buildx` (or Docker's own BuildKit).
Run: .venv/bin/python benchmarks/cuda_build.py
BuildKit keeps about 10 GB of cache afterwards: `docker builder prune`.
"""

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import msgspec
from noop_build import report, timed

from coldforge.paths import Workspace
from coldforge.stack.lock import Lock, read_lock, write_lock

RUNS = 3
ROOT = Path(__file__).resolve().parent.parent
BELOW, WHOLE, PEER = "bench-below", "bench-cuda13", "coldforge-peer-cuda13"
LAYERS = ["base", "toolchain", "cuda13"]
CUDA = 1_000_000_000  # bytes; only the CUDA layer is larger
STACK = """\
summary = ""
epoch = 1735689600
layers = {layers}
[debian]
suites = [{{ name = "bookworm" }}, {{ name = "bullseye" }}]
[python]
version = "3.11"
platform = "x86_64-manylinux_2_36"
"""
UNPACK = """\
import json, os, pathlib, re, shutil, zipfile
from fnmatch import fnmatchcase as match
here = pathlib.Path("/context")
recipe = json.loads((here / "recipe.json").read_text())
for wheel in sorted(here.glob("*.whl")):
    rules = [rule for rule in recipe["place"] if match(wheel.name, rule["input"])]
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            for rule in rules:
                head, _, inside = info.filename.partition(rule["prefix"] + "/")
                unwanted = any(match(inside, glob) for glob in rule.get("without", []))
                unasked = not any(match(inside, glob) for glob in rule.get("only", ["*"]))
                if head or not inside or unwanted or unasked:
                    continue
                place = pathlib.Path(rule["to"], inside)
                place.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, place.open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
                place.chmod(0o755 if info.external_attr >> 16 & 0o111 else 0o644)
                if found := re.fullmatch(r"(lib[^/]+?\\.so)[.0-9]+", place.name):
                    (place.parent / found[1]).symlink_to(place.name)
for link, target in recipe["links"].items():
    pathlib.Path(link).symlink_to(target)
for name, text in recipe["text"].items():
    pathlib.Path(name).write_text(text)
"""
CONTENT = """\
find /usr/local /etc/ld.so.conf.d -type f -printf '%m ' -exec sha256sum {} ';' -o -type l \
-printf '%p %l\\n' | sort | sha256sum
"""


def main() -> None:
    """Print both medians, their ratio, and the first run of each."""
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        space = workspace(Path(folder) / "ours")
        invoke = [str(ROOT / ".venv" / "bin" / "invoke"), "--search-root", str(ROOT)]
        ours = [*invoke, "image.build", "--json", "--stack"]
        os.environ["COLDFORGE_ROOT"] = str(space.root)
        timed([*ours, BELOW])
        theirs = peer(Path(folder) / "theirs")
        pairs = [(build(space, [*ours, WHOLE]), rebuild(theirs)) for _ in range(RUNS)]
        compare()
    for tag in ("latest", "below", "bootstrap"):
        forget(f"localhost/coldforge/{BELOW}:{tag}")
    report("coldforge image.build", [mine for mine, _ in pairs])
    report("BuildKit", [peers for _, peers in pairs])
    print("first runs: {:.1f} s, {:.1f} s".format(*pairs[0]))
    print(f"ratio, median of pairs: {statistics.median(a / b for a, b in pairs):.2f}")


def workspace(root: Path) -> Workspace:
    """Make a checkout of two stacks, without checks: base and toolchain; the same and cuda13."""
    space = Workspace(root)
    shutil.copytree(ROOT / "docker" / "layers", space.layers)
    for recipe in space.layers.glob("*/layer.toml"):
        text = recipe.read_text("utf-8").replace('check = "check.sh"\n', "")
        recipe.write_text(text, "utf-8")
    for name in ("wheels", "toolchain"):
        (root / name).symlink_to(ROOT / name)
    space.stacks.mkdir()
    space.mirror.mkdir()
    (space.mirror / "blobs").symlink_to(ROOT / "offline-mirror" / "blobs")
    lock = read_lock(ROOT / "offline-mirror" / "cuda13.lock")
    for name, layers in {BELOW: LAYERS[:2], WHOLE: LAYERS}.items():
        (space.stacks / f"{name}.toml").write_text(STACK.format(layers=json.dumps(layers)), "utf-8")
        write_lock(space.lock(name), only(lock, name, layers))
    return space


def only(lock: Lock, stack: str, uses: list[str]) -> Lock:
    """Select the part of a lock that some layers use."""
    requests = {use: lock.requests[use] for use in uses}
    entries = [entry for entry in lock.entries if entry.use in uses]
    return msgspec.structs.replace(lock, stack=stack, requests=requests, entries=entries)


def peer(context: Path) -> list[str]:
    """Write a context of the same wheels and recipe; return the command that builds it."""
    context.mkdir()
    for entry in read_lock(ROOT / "offline-mirror" / "cuda13.lock").of("cuda13"):
        blob = ROOT / "offline-mirror/blobs/sha256" / entry.sha256[:2] / entry.sha256
        (context / entry.path).hardlink_to(blob)
    recipe = tomllib.loads((ROOT / "docker/layers/cuda13/layer.toml").read_text("utf-8"))
    (context / "recipe.json").write_text(json.dumps(recipe))
    (context / "unpack.py").write_text(UNPACK)
    (context / "Dockerfile").write_text(
        f"FROM localhost/coldforge/{BELOW}\n"
        "RUN --mount=type=bind,target=/context python3 /context/unpack.py\n"
    )
    buildx = subprocess.run(["docker", "buildx", "version"], check=False, capture_output=True)
    os.environ["DOCKER_BUILDKIT"] = "1"
    head = ["docker", "buildx", "build", "--load"] if not buildx.returncode else ["docker", "build"]
    return [*head, "--no-cache", "--network", "none", "-t", PEER, str(context)]


def build(space: Workspace, command: list[str]) -> float:
    """Remove the CUDA layer here and from Docker Engine, then time making it."""
    forget(f"localhost/coldforge/{WHOLE}")
    for blob in (space.build / "oci" / "blobs" / "sha256").iterdir():
        if blob.stat().st_size > CUDA:
            blob.unlink()
    return timed(command)


def rebuild(command: list[str]) -> float:
    """Remove the peer's image, then time making it."""
    forget(PEER)
    return timed(command)


def forget(image: str) -> None:
    """Remove an image if it is there."""
    subprocess.run(["docker", "image", "rm", image], check=False, capture_output=True)


def compare() -> None:
    """Stop unless both images hold the same files, modes and links."""
    said: list[Any] = []
    for image in (f"localhost/coldforge/{WHOLE}", PEER):
        command = ["docker", "run", "--rm", "--network", "none", "-u", "0", image, "sh", "-c"]
        done = subprocess.run([*command, CONTENT], check=True, capture_output=True)
        said.append(done.stdout)
        forget(image)
    if said[0] != said[1]:
        raise SystemExit("the two images differ")


if __name__ == "__main__":
    main()
