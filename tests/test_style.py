"""The house rules that a machine can check."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
SOURCE = CHECKOUT / "src" / "coldforge"
CACHE = CHECKOUT / "build" / "cache"
BIN = Path(sys.executable).parent
FOREIGN = {".git", ".venv", ".mypy_cache", ".ruff_cache", "blobs", "build", "dist", "__pycache__"}
HEAVY = {
    "cryptography",
    "cyclonedx",
    "datasets",
    "debian",
    "docker",
    "httpx",
    "jinja2",
    "numpy",
    "onnx",
    "onnxruntime",
    "ray",
    "requests",
    "rich",
    "segno",
    "torch",
    "uv",
    "zfec",
}
MOST_LINES = 300
# Who may import whom, besides itself and the small things. Rooms are listed from below.
MAY_IMPORT = {
    "bootstrap": set(),
    "trust": {"bootstrap"},
    "stack": set(),
    "mirror": {"stack"},
    "host": {"mirror", "stack"},
    "image": {"mirror", "stack"},
    "evidence": {"image", "mirror", "stack", "trust"},
    "bundle": {"bootstrap", "image", "mirror", "stack", "trust"},
    "deploy": {"evidence", "image", "mirror", "stack", "trust"},
    "model": {"mirror", "stack"},
    "engine": {"mirror", "stack", "model"},
    "sweep": {"model", "engine"},
    "report": {"model", "engine"},
}
MAY_IMPORT["tasks"] = set(MAY_IMPORT)
SMALL = {path.stem for path in SOURCE.glob("*.py")}
MODULES = sorted(SOURCE.rglob("*.py"))


def ours(folder: Path = CHECKOUT) -> Iterator[Path]:
    """Walk the files that belong to the project."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - FOREIGN)
        yield from (Path(parent, name) for name in sorted(files))


def shell_scripts() -> list[str]:
    found = []
    for path in ours():
        with path.open("rb") as stream:
            first = stream.readline(80)
        if first.startswith(b"#!") and first.split()[-1].endswith(b"sh"):
            found.append(str(path.relative_to(CHECKOUT)))
    return found


def run(*command: str) -> None:
    result = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def imports(path: Path) -> set[str]:
    """Name what a module imports of the project, e.g. {"stack.lock", "errors"}."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("coldforge"):
            inside = (node.module or "").partition(".")[2]
            found |= {inside} if inside else {alias.name for alias in node.names} - {"__version__"}
        elif isinstance(node, ast.Import):
            names = [alias.name.partition(".") for alias in node.names]
            found |= {inside for top, _, inside in names if top == "coldforge"}
    return found


def test_ruff_finds_nothing() -> None:
    run(str(BIN / "ruff"), "check", "--cache-dir", str(CACHE / "ruff"))


def test_the_code_is_formatted() -> None:
    run(str(BIN / "ruff"), "format", "--check", "--cache-dir", str(CACHE / "ruff"))


def test_the_types_hold() -> None:
    run(str(BIN / "mypy"), "--cache-dir", str(CACHE / "mypy"))


def test_shellcheck_finds_nothing() -> None:
    scripts = shell_scripts()
    assert "invokew" in scripts
    run(str(BIN / "shellcheck"), *scripts)


@pytest.mark.parametrize("name", ["invokew", ".ci/run", "toolchain/probe"])
def test_what_people_start_can_be_started(name: str) -> None:
    assert os.access(CHECKOUT / name, os.X_OK)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_stays_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_downwards(path: Path) -> None:
    place = path.relative_to(SOURCE)
    room = place.parts[0] if len(place.parts) > 1 else ""
    allowed = SMALL | ({room} | MAY_IMPORT[room] if room else set())
    assert {name.partition(".")[0] for name in imports(path)} <= allowed


def test_listing_the_tasks_imports_nothing_heavy() -> None:
    code = "import sys, coldforge.tasks; print(*{name.partition('.')[0] for name in sys.modules})"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    assert HEAVY & set(result.stdout.split()) == set()


def test_the_lock_of_the_host_names_no_place() -> None:
    text = (CHECKOUT / "requirements.lock").read_text("utf-8")
    assert "//" not in text
    assert "file:" not in text
