"""The project's own wheel, and the revision it was built from."""

import subprocess
import sys
import tempfile
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.wheel import repack
from coldforge.paths import Workspace

REVISION = "REVISION"


def build_project(space: Workspace, out: Path) -> Path:
    """Build the checkout's wheel into `out`, its bytes decided only by its sources."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        done = subprocess.run(command, cwd=space.root, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
            raise ColdforgeError(
                f"the project's wheel did not build: {said}", "correct pyproject.toml"
            )
        (wheel,) = Path(folder).glob("*.whl")
        out.mkdir(parents=True, exist_ok=True)
        part = out / f".{wheel.name}"
        repack(wheel, part)
        return part.replace(out / wheel.name)


def revision(space: Workspace) -> str:
    """Name the commit of the checkout, marked if files differ from it; `unknown` without git.

    A checkout from a bundle has no git: its file REVISION holds the revision.
    """
    carried = space.root / REVISION
    if carried.is_file():
        return carried.read_text("utf-8").strip()
    commit = _git(space, "rev-parse", "HEAD")
    if not commit:
        return "unknown"
    return commit + ("-dirty" if _git(space, "status", "--porcelain") else "")


def _git(space: Workspace, *arguments: str) -> str:
    command = ["git", "-C", str(space.root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
