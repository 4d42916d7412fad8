"""Two checkouts in two environments give the same bytes."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Cli

pytestmark = [pytest.mark.engine, pytest.mark.network]
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "cpu.json"


@pytest.fixture(scope="module")
def here(quickstart: Any, cli: Cli) -> Any:
    return cli.json("image.build")


def test_layer_digests_equal_the_recorded_ones(here: Any) -> None:
    golden = json.loads(GOLDEN.read_text())
    assert {name: here["layers"][name] for name in golden} == golden


def test_a_clone_under_another_umask_clock_and_locale_gives_the_same_image(
    here: Any, cli: Cli, tmp_path: Path
) -> None:
    clone = tmp_path / "a place with spaces" / "clone"
    clone.parent.mkdir()
    environment = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    subprocess.run(
        ["sh", "-c", 'umask 077 && exec git clone -q "$0" "$1"', str(cli.root), str(clone)],
        check=True,
    )
    _link_mirror(cli.root, clone)
    command = 'umask 077 && exec ./invokew image.build --json "$@"'
    built = json.loads(_shell(clone, command, environment))
    shutil.rmtree(clone)
    assert built["layers"] == here["layers"]
    if not _dirty(cli.root):  # else the revision label says so
        assert (built["digest"], built["image_id"]) == (here["digest"], here["image_id"])


def _link_mirror(source: Path, clone: Path) -> None:
    """Link every blob and change its time stamp, which must not matter."""
    for blob in (source / "offline-mirror" / "blobs" / "sha256").glob("*/*"):
        place = clone / "offline-mirror" / "blobs" / "sha256" / blob.parent.name / blob.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.hardlink_to(blob)
        place.touch()


def _shell(folder: Path, command: str, environment: dict[str, str]) -> str:
    import os

    env = {**os.environ, "COLDFORGE_YES": "1", **environment}
    env.pop("COLDFORGE_ROOT", None)
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _dirty(root: Path) -> bool:
    command = ["git", "-C", str(root), "status", "--porcelain"]
    return bool(subprocess.run(command, capture_output=True, check=True).stdout)
