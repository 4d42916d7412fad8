"""Build one wheel from its sdist inside the toolchain image; no pip, no network, one fixed path.

Inputs: /coldforge/in/sdist/<sdist>, /coldforge/in/wheels/*.whl (the build requirements).
Output: /coldforge/out/<wheel>.
"""

import importlib
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

INPUTS = Path("/coldforge/in")
ENVIRONMENT = Path("/coldforge/env")
SOURCE = Path("/coldforge/src")
OUT = Path("/coldforge/out")


def main() -> None:
    """Unpack the build requirements and the source, then call the build backend in place."""
    for folder in (ENVIRONMENT, SOURCE, OUT):
        folder.mkdir(parents=True)
    for wheel in sorted((INPUTS / "wheels").glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(ENVIRONMENT)
    (sdist,) = (INPUTS / "sdist").iterdir()
    unpack = ["tar", "--extract", "--no-same-owner", "--strip-components=1"]
    subprocess.run([*unpack, f"--file={sdist}", f"--directory={SOURCE}"], check=True)
    sys.path.insert(0, str(ENVIRONMENT))
    os.environ["PYTHONPATH"] = str(ENVIRONMENT)
    os.chdir(SOURCE)
    print("built", backend().build_wheel(str(OUT)))


def backend():  # noqa: ANN201 - a module with PEP 517's hooks
    """Import the backend that pyproject.toml names (PEP 517), setuptools' classic one if none."""
    project = Path("pyproject.toml")
    system = tomllib.loads(project.read_text("utf-8")) if project.exists() else {}
    system = system.get("build-system", {})
    sys.path[:0] = [str(SOURCE / path) for path in system.get("backend-path", [])]
    name, _, attribute = system.get("build-backend", "setuptools.build_meta:__legacy__").partition(
        ":"
    )
    module = importlib.import_module(name)
    return getattr(module, attribute) if attribute else module


if __name__ == "__main__":
    main()
