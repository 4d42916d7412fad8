"""The import graph of src/coldforge, and its figures: python tests/structure.py [CHECKOUT]."""

import ast
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

Graph = dict[str, set[str]]
SLIVER = 60  # lines


def modules(source: Path) -> dict[str, Path]:
    """Map each module's dotted name, below the package, to its file; `source` is src/coldforge."""
    found = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        found[".".join(parts)] = path
    return found


def imported(path: Path, known: Mapping[str, Path]) -> set[str]:
    """Name the modules of the project that a file imports, lazily or for its types too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and not node.level:
            top, _, inside = (node.module or "").partition(".")
            if top == "coldforge":
                for alias in node.names:
                    name = f"{inside}.{alias.name}".lstrip(".")
                    found.add(name if name in known else inside)
        elif isinstance(node, ast.Import):
            names = [alias.name.partition(".") for alias in node.names]
            found |= {inside for top, _, inside in names if top == "coldforge"}
    return found


def graph(source: Path) -> Graph:
    """Map each module to what it imports; the package's own __init__ left out."""
    known = modules(source)
    return {
        name: {one for one in imported(path, known) if one and one != name and one in known}
        for name, path in known.items()
        if name
    }


def closure(edges: Graph, start: Iterable[str]) -> set[str]:
    """Name all that the modules `start` import, directly or not, themselves included."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += edges[name]
    return found


def outside(source: Path, start: str, places: Iterable[str]) -> set[str]:
    """Name what the modules of package `start` import that lies outside all of `places`.

    Places are folders or files below `source`, as `code_digest` takes them.
    """
    known, edges = modules(source), graph(source)
    found = closure(edges, [name for name in edges if f"{name}.".startswith(f"{start}.")])
    paths = {name: known[name].relative_to(source).as_posix() for name in found}
    return {
        name
        for name, path in paths.items()
        if not any(path == place or path.startswith(f"{place}/") for place in places)
    }


def circles(edges: Graph) -> list[set[str]]:
    """List the sets of nodes that reach each other."""
    reach = {node: closure(edges, [node]) for node in edges}
    found: list[set[str]] = []
    for node, seen in reach.items():
        circle = {other for other in seen if node in reach[other]}
        if len(circle) > 1 and circle not in found:
            found.append(circle)
    return found


def folder_graphs(edges: Graph, packages: set[str]) -> dict[str, Graph]:
    """Map each folder to the graph of its children, files and folders, by their imports."""
    found: dict[str, Graph] = {}
    for folder in ["", *sorted(packages)]:
        prefix = f"{folder}." if folder else ""
        below = [name for name in edges if name.startswith(prefix) and name != folder]

        def child(name: str, prefix: str = prefix) -> str:
            return prefix + name.removeprefix(prefix).partition(".")[0]

        children: Graph = {child(name): set() for name in below}
        for name in below:
            for other in edges[name]:
                if other.startswith(prefix) and child(other) != child(name):
                    children[child(name)].add(child(other))
        found[folder] = children
    return found


def figures(source: Path) -> dict[str, float]:
    """Measure the structure of a checkout's sources."""
    known, edges = modules(source), graph(source)
    packages = {name for name, path in known.items() if path.name == "__init__.py" and name}
    plain = {name: path for name, path in known.items() if path.name != "__init__.py"}
    lines = {name: len(path.read_text("utf-8").splitlines()) for name, path in plain.items()}
    importers = Counter(one for name in edges for one in edges[name])
    single = [name for name in plain if importers[name] == 1]
    stems = Counter(path.stem for path in plain.values())
    folders = folder_graphs(edges, packages)
    return {
        "files": len(known),
        "modules, __init__ left out": len(plain),
        "median lines": statistics.median(lines.values()),
        "longest, lines": max(lines.values()),
        "modules with one importer": len(single),
        f"of these under {SLIVER} lines": sum(lines[name] < SLIVER for name in single),
        "circles of files": len(circles(edges)),
        "circles of folders, at every depth": sum(len(circles(g)) for g in folders.values()),
        "modules that share their name with another": sum(n for n in stems.values() if n > 1),
    }


if __name__ == "__main__":
    checkout = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).resolve().parents[1]
    for name, value in figures(checkout / "src" / "coldforge").items():
        sys.stdout.write(f"{value:8g}  {name}\n")
