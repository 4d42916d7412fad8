"""The house rules that a machine can check."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.structure import circles, folder_graphs, graph, modules

CHECKOUT = Path(__file__).resolve().parents[1]
SOURCE = CHECKOUT / "src" / "coldforge"
TESTS = CHECKOUT / "tests"
CACHE = CHECKOUT / "build" / "cache"
BIN = Path(sys.executable).parent
FOREIGN = {".git", ".venv", ".mypy_cache", ".ruff_cache", "blobs", "__pycache__"}
MADE = {CHECKOUT / "build", CHECKOUT / "dist"}
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
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 300, 30

LEVELS = (
    ("tasks",),
    ("report", "experiments"),
    ("deploy", "bundle", "engine", "demo"),
    ("evidence", "evaluate"),
    ("image", "quantize", "host"),
    ("model",),
    ("checkpoint", "charts"),
    ("mirror", "trust"),
    ("stack", "bootstrap"),
    ("files",),
)
"""Top-level packages from above: each imports only from lower levels, and the small modules."""
HALVES = (
    {"bundle", "deploy", "evidence", "host", "image", "bootstrap", "trust"},
    {"checkpoint", "demo", "engine", "evaluate", "experiments", "model", "quantize", "report"},
)
"""The host half and the half inside the image: neither imports the other; they meet in tasks."""
WITHOUT_MODULE = ("e2e", "integration", "fixtures", "golden")
"""Folders of tests that cover more than a module; tests right in tests/ cover the checkout."""
KNOWN, EDGES = modules(SOURCE), graph(SOURCE)
PACKAGES = {name for name, path in KNOWN.items() if path.name == "__init__.py" and name}


def ours(folder: Path = CHECKOUT) -> Iterator[Path]:
    """Walk the files that belong to the project."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(
            name for name in set(folders) - FOREIGN if Path(parent, name) not in MADE
        )
        yield from (Path(parent, name) for name in sorted(files))


def shell_scripts() -> list[str]:
    found = []
    for path in ours():
        with path.open("rb") as stream:
            first = stream.readline(80)
        if first.startswith(b"#!") and first.split()[-1].endswith(b"sh"):
            found.append(str(path.relative_to(CHECKOUT)))
    return found


def run(*command: str) -> str:
    result = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def package(name: str) -> str:
    """Name the top-level package of a module; empty for a small module."""
    top, dot, _ = name.partition(".")
    return top if dot or top in PACKAGES else ""


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """List the functions of a module with the lines of their statements, docstring left out."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield node.name, (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_ruff_finds_nothing() -> None:
    run(str(BIN / "ruff"), "check", "--cache-dir", str(CACHE / "ruff"))


def test_ruff_looks_at_every_module() -> None:
    # Its own defaults leave out every folder named build.
    shown = set(run(str(BIN / "ruff"), "check", "--show-files").splitlines())
    assert {str(path) for path in ours() if path.suffix == ".py"} <= shown


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


def test_modules_stay_short() -> None:
    lines = {name: len(path.read_text("utf-8").splitlines()) for name, path in KNOWN.items()}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_functions_stay_short() -> None:
    lines = {f"{name}.{one}": n for name, path in KNOWN.items() for one, n in functions(path)}
    assert {name: n for name, n in lines.items() if n > MOST_LINES_OF_A_FUNCTION} == {}


def test_modules_import_only_downwards() -> None:
    level = {one: at for at, row in enumerate(LEVELS) for one in row} | {"": len(LEVELS)}
    pairs = [(name, other) for name in EDGES for other in EDGES[name]]
    wrong = [
        (name, other)
        for name, other in pairs
        if package(name) != package(other) and level[package(name)] >= level[package(other)]
    ]
    assert wrong == []


def test_every_package_has_a_level() -> None:
    assert {one for row in LEVELS for one in row} == {one for one in PACKAGES if "." not in one}


def test_neither_half_imports_the_other() -> None:
    half = {one: at for at, row in enumerate(HALVES) for one in row}
    pairs = [(name, other) for name in EDGES for other in EDGES[name]]
    known = [pair for pair in pairs if {package(one) for one in pair} <= set(half)]
    assert [pair for pair in known if half[package(pair[0])] != half[package(pair[1])]] == []


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles(EDGES) == []


def test_no_folders_import_each_other_in_a_circle() -> None:
    graphs = folder_graphs(EDGES, PACKAGES)
    assert {
        folder: circles(children) for folder, children in graphs.items() if circles(children)
    } == {}


def test_a_test_file_mirrors_a_module() -> None:
    # test_MODULE.py, or test_MODULE_TOPIC.py where a module's tests are many.
    lost = []
    for path in sorted(TESTS.rglob("test_*.py")):
        place = path.relative_to(TESTS)
        words = place.stem.split("_")[1:]
        stems = ["_".join(words[: at + 1]) for at in range(len(words))]
        names = [form.format(stem) for stem in stems for form in ("{}.py", "_{}.py", "__{}__.py")]
        mirrors = any((SOURCE / place.parent / name).is_file() for name in names)
        if len(place.parts) > 1 and place.parts[0] not in WITHOUT_MODULE and not mirrors:
            lost.append(str(place))
    assert lost == []


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
