"""The tests of the model code pass in the image, where that code runs."""

import os
import shutil
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

from coldforge.image.containers.launch import Launch, launch
from tests.e2e.conftest import Cli

pytestmark = [pytest.mark.engine, pytest.mark.network]

# Pure Python, so the image's interpreter runs the host's copy.
RUNNER = ("pytest", "pluggy", "iniconfig", "pytest-timeout", "hypothesis", "sortedcontainers",
          "pytest-xdist", "execnet")  # fmt: skip
FOLDERS = ("checkpoint", "model", "quantize", "evaluate", "engine", "experiments", "demo",
           "tasks/test_quantize_method.py")  # fmt: skip


@pytest.mark.timeout(900)
def test_the_model_tests_pass_in_the_image(
    quickstart: Any, cli: Cli, engine: Any, tmp_path: Path
) -> None:
    runner, compiled = tmp_path / "runner", tmp_path / "pycache"
    for folder in (runner, compiled):
        folder.mkdir()
    for name in RUNNER:
        _copy(name, runner)
    command = ["python3", "-m", "pytest", "-q", "-m", "model", "-p", "no:cacheprovider",
               "-n", "auto", "--maxprocesses", "4", "--dist", "loadfile"]  # fmt: skip
    work = Launch(
        image="localhost/coldforge/cpu:latest",
        command=[*command, "--rootdir", str(cli.root), "-c", str(cli.root / "pyproject.toml"),
                 *(str(cli.root / "tests" / folder) for folder in FOLDERS)],
        reads=[cli.root / "tests", cli.root / "pyproject.toml", runner],
        writes=[compiled],
        env={
            "PYTHONPATH": str(runner),
            "PYTHONPYCACHEPREFIX": str(compiled),
            "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/hypothesis",
            "CI": os.environ.get("CI", ""),
        },
    )  # fmt: skip
    said: list[bytes] = []
    status = launch(engine, work, said.append, said.append)
    text = b"".join(said).decode()
    sys.stdout.write(text)
    assert status == 0, text[-3000:]
    assert " passed" in text


def _copy(name: str, folder: Path) -> None:
    """Copy a distribution's files, with its metadata, by which pytest finds plugins."""
    for file in distribution(name).files or []:
        if ".." not in file.parts and file.suffix != ".pyc":
            place = folder / file
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), place)
