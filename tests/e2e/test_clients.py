"""Standard tools accept the images that we export and load."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Cli

pytestmark = [pytest.mark.engine, pytest.mark.network]


def tool(name: str) -> str:
    """Find a Debian tool, installed in CI if missing; skip the test without it."""
    if not shutil.which(name) and os.environ.get("COLDFORGE_YES") == "1" and os.geteuid() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "-qq", "update"], env=quiet, check=True, capture_output=True)
        command = ["apt-get", "-qqy", "install", "--no-install-recommends", name]
        subprocess.run(command, env=quiet, check=True, capture_output=True)
    found = shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed (apt-get install {name})")
    return found


@pytest.fixture(scope="module")
def layout(quickstart: Any, cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "cpu"
    cli.run("image.export", "--out", str(out))
    return out


def test_skopeo_reads_the_exported_layout(layout: Path, quickstart: Any) -> None:
    shown = json.loads(
        subprocess.run(
            [tool("skopeo"), "inspect", f"oci:{layout}:cpu"], check=True, capture_output=True
        ).stdout
    )
    assert shown["Digest"] == quickstart["image"]["digest"]
    assert shown["Labels"]["coldforge.stack"] == "cpu"


def test_umoci_unpacks_the_exported_layout(layout: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    subprocess.run(
        [tool("umoci"), "unpack", "--rootless", "--image", f"{layout}:cpu", str(bundle)],
        check=True,
        capture_output=True,
    )
    assert (bundle / "rootfs" / "opt" / "coldforge" / "tasks.py").is_file()
    config = json.loads((bundle / "config.json").read_text())
    assert config["process"]["cwd"] == "/opt/coldforge"
    shutil.rmtree(bundle)


def test_docker_engine_shows_our_digest(quickstart: Any, engine: Any) -> None:
    shown = engine.api.inspect_image("localhost/coldforge/cpu:latest")
    ours = (quickstart["image"]["image_id"], quickstart["image"]["digest"])
    assert shown["Id"] in ours  # a graph driver shows the config's, containerd the manifest's
    assert sorted(shown["RootFS"]["Layers"]) == sorted(quickstart["image"]["layers"].values())
