"""Time a build with everything cached, and BuildKit's cached build of the same layers.

Both run as whole processes, alternately, on the same Docker Engine. Needs the stack built and
loaded, and `docker buildx` (or Docker's own BuildKit).
Run: .venv/bin/python benchmarks/noop_build.py
"""

import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

RUNS = 5
ROOT = Path(__file__).resolve().parent.parent
OURS = [str(ROOT / "invokew"), "image.build", "--stack", "cpu", "--json"]


def main() -> None:
    """Print both medians and their ratio."""
    layers = json.loads(subprocess.run(OURS, check=True, capture_output=True).stdout)["layers"]
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        theirs = peer(Path(folder), layers)
        timed(theirs)  # fill its cache
        pairs = [(timed(OURS), timed(theirs)) for _ in range(RUNS)]
    report("coldforge image.build", [ours for ours, _ in pairs])
    report(" ".join(theirs[:2]) + " build", [peers for _, peers in pairs])
    ratio = statistics.median(ours / peers for ours, peers in pairs)
    print(f"ratio, median of pairs: {ratio:.2f}")


def peer(context: Path, layers: dict[str, str]) -> list[str]:
    """Write a Dockerfile that lays out the same layers; return the command that builds it."""
    lines = ["FROM scratch"]
    for name, digest in layers.items():
        blob = ROOT / "build/oci/blobs/sha256" / digest.removeprefix("sha256:")
        (context / f"{name}.tar").hardlink_to(blob)
        lines.append(f"ADD {name}.tar /")
    (context / "Dockerfile").write_text("\n".join(lines) + "\n")
    buildx = subprocess.run(["docker", "buildx", "version"], check=False, capture_output=True)
    if buildx.returncode == 0:
        return ["docker", "buildx", "build", "--load", "-t", "coldforge-peer", str(context)]
    os.environ["DOCKER_BUILDKIT"] = "1"
    return ["docker", "build", "-t", "coldforge-peer", str(context)]


def timed(command: list[str]) -> float:
    """Run a command; return its wall seconds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def report(name: str, seconds: list[float]) -> None:
    """Print a line: median and spread."""
    middle = statistics.median(seconds)
    print(f"{name:<28} median {middle:.2f} s  (min {min(seconds):.2f}, max {max(seconds):.2f})")


if __name__ == "__main__":
    main()
