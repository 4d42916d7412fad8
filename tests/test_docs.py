"""What the documentation names is there, and what its pictures show is so."""

import ast
import itertools
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.structure import closure, folder_graphs, graph, modules
from tests.test_style import LEVELS

CHECKOUT = Path(__file__).resolve().parents[1]
SOURCE = CHECKOUT / "src" / "coldforge"
DOCS = CHECKOUT / "docs"
PAGES = sorted([*CHECKOUT.glob("*.md"), *DOCS.rglob("*.md")])
KNOWN, EDGES = modules(SOURCE), graph(SOURCE)
PACKAGES = {name for name, path in KNOWN.items() if path.name == "__init__.py" and name}
TOP = {name for name in PACKAGES if "." not in name}

MERMAID = re.compile(r"^```mermaid\n(.*?)^```", re.MULTILINE | re.DOTALL)
ARROW = re.compile(r"^ +(\w+) --> (\w+)$", re.MULTILINE)
DOTTED = re.compile(r"(?<![\w./-])[a-z_]\w*(?:\.\w+)+")
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
PATH = re.compile(r"\.?[\w.-]+(?:/[\w.*-]+)*/?")
PLACEHOLDERS = {"NAME", "PKG", "STACK", "MODULE", "TOPIC"}
MADE = ("build/", "dist/", "offline-mirror/blobs", "offline-mirror/site", ".venv", ".tool")
"""What a checkout holds only after some task ran."""


def ids(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


def tasks() -> set[str]:
    from coldforge.tasks import namespace

    return set(namespace.task_names)


def pictures() -> list[str]:
    return MERMAID.findall((DOCS / "architecture.md").read_text("utf-8"))


@cache
def members(path: Path) -> dict[str, set[str]]:
    """Map what a module defines to the members of it, where it is a class."""
    found: dict[str, set[str]] = {}
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = set()
        elif isinstance(node, ast.ClassDef):
            parts = [one for one in node.body if isinstance(one, ast.FunctionDef)]
            fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
            found[node.name] = {one.name for one in parts} | {
                one.target.id for one in fields if isinstance(one.target, ast.Name)
            }
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {one.id: set() for one in targets if isinstance(one, ast.Name)}
    return found


def is_defined(name: str) -> bool:
    """Tell whether a dotted name below coldforge is a module, or something that one defines."""
    parts = name.split(".")
    for at in range(len(parts), 0, -1):
        module, rest = ".".join(parts[:at]), parts[at:]
        if module in KNOWN:
            inside = members(KNOWN[module])
            known = not rest or rest[0] in inside
            return known and (len(rest) < 2 or (len(rest) == 2 and rest[1] in inside[rest[0]]))
    return False


def dotted(text: str) -> Iterator[str]:
    """List the dotted names of our code in a text."""
    first = TOP | {name for name in KNOWN if "." not in name}
    for name in DOTTED.findall(text):
        ours = name.removeprefix("coldforge.")
        parts = ours.split(".")
        if parts[0] in first and parts[-1] not in {"py", "toml", "md", "json"}:
            yield ours


def test_the_house_shows_every_import_between_packages_and_no_other() -> None:
    (house,) = (text for text in pictures() if "%% house" in text)
    drawn = sorted(set(ARROW.findall(house)))
    real = {name: edges & TOP for name, edges in folder_graphs(EDGES, PACKAGES)[""].items()}
    real = {name: edges for name, edges in real.items() if name in TOP}
    needed = [  # an arrow that no longer way of arrows stands for
        (one, other)
        for one in real
        for other in real[one]
        if not any(other in closure(real, [via]) for via in real[one] - {other})
    ]
    extra = [pair for pair in drawn if pair[1] not in real.get(pair[0], set())]
    missing = [f"{one} --> {other}" for one, other in sorted(needed) if (one, other) not in drawn]
    assert (extra, missing) == ([], [])
    boxes = {line.strip() for line in house.splitlines()} | {one for pair in drawn for one in pair}
    assert boxes >= TOP


def test_what_the_architecture_names_exists() -> None:
    named = set(dotted((DOCS / "architecture.md").read_text("utf-8")))
    assert {name for name in named - tasks() if not is_defined(name)} == set()


def test_every_box_of_a_flow_names_code_or_says_what_happens() -> None:
    flows = [text for text in pictures() if "%% house" not in text]
    assert len(flows) == 5
    assert all(len(set(dotted(text))) >= 8 for text in flows)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_the_code_that_a_page_names_exists(page: Path) -> None:
    named = {name for code in CODE.findall(page.read_text("utf-8")) for name in dotted(code)}
    known = tasks()
    assert {name for name in named if not is_defined(name) and name not in known} == set()


def paths_named(text: str) -> Iterator[str]:
    """List the paths that stand in backquotes: with a slash, of the checkout."""
    for code in CODE.findall(text):
        if "/" in code and PATH.fullmatch(code) and not code.startswith(MADE):
            yield code


def is_there(name: str, page: Path) -> bool:
    """Tell whether a path exists, seen from the checkout, the sources, the tests or the page."""
    parts = name.rstrip("/").split("/")
    fixed = itertools.takewhile(lambda part: not set(re.split(r"[._]", part)) & PLACEHOLDERS, parts)
    where = "/".join(fixed)
    places = (CHECKOUT, SOURCE, CHECKOUT / "tests", page.parent)
    return not where or any(list(place.glob(where)) for place in places)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_the_paths_that_a_page_names_exist(page: Path) -> None:
    named = set(paths_named(page.read_text("utf-8")))
    assert {name for name in named if not is_there(name, page)} == set()


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = {link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link}
    assert {link for link in links if not (page.parent / link).exists()} == set()


TERM = re.compile(r"^- \*\*(.+?)\*\* — (?:.|\n  )+?\*([^*\n]+)\*$", re.MULTILINE)


def test_the_glossary_is_in_order_and_each_word_has_its_source() -> None:
    words, sources = (DOCS / "glossary.md").read_text("utf-8").split("\n## Sources\n")
    known = set(re.findall(r"^- \*(.+?)\* —", sources, re.MULTILINE))
    found = TERM.findall(words)
    terms = [term for term, _ in found]
    assert len(terms) == len(re.findall(r"^- ", words, re.MULTILINE))
    assert terms == sorted(terms, key=str.casefold)
    assert {one for _, named in found for one in named.split(", ")} == known


SECTIONS = ["Status", "Context", "Decision", "Consequences"]
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))


@pytest.mark.parametrize("page", DECISIONS, ids=ids)
def test_a_decision_is_one_short_page_in_the_list(page: Path) -> None:
    text = page.read_text("utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert len(text.splitlines()) <= 40
    assert text.startswith(f"# {page.name[:4]}: ")
    assert f"]({page.name})" in (page.parent / "README.md").read_text("utf-8")


def test_decisions_are_numbered_through() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


TREE = re.compile(r"^## Where things are\n.*?^```\n(.*?)^```", re.MULTILINE | re.DOTALL)
CHANGES = (
    "A model family",
    "A quantisation method",
    "An origin",
    "A compression of layers",
    "A TensorRT-LLM release",
    "An engine backend",
    "The look of the report",
    "A flag of quantize",
    "A kind of hand-carried file",
    "The retry policy",
)
"""What CONTRIBUTING has a recipe for, in this order."""


def tree_paths(text: str) -> Iterator[Path]:
    """List the paths of the tree: two spaces deeper is one folder further in."""
    above: list[Path] = [CHECKOUT]
    for line in text.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = line.strip().partition("  ")[0].split(", ")
        found = [above[depth] / name for name in names]
        yield from found
        above[depth + 1 :] = found[:1]


def test_where_things_are_is_where_they_are() -> None:
    match = TREE.search((CHECKOUT / "CONTRIBUTING.md").read_text("utf-8"))
    assert match is not None
    found = list(tree_paths(match[1]))
    assert [str(path) for path in found if not path.exists()] == []
    assert {path for path in found if path.parent == SOURCE} >= {SOURCE / name for name in TOP}


def test_contributing_has_a_recipe_for_each_change() -> None:
    text = (CHECKOUT / "CONTRIBUTING.md").read_text("utf-8")
    parts = re.split(r"^### \d+\. ", text.partition("\n## Also\n")[0], flags=re.MULTILINE)[1:]
    assert tuple(part.partition("\n")[0] for part in parts) == CHANGES
    for part in parts:
        assert "src/coldforge/" in part
        assert "```" in part
        tests = re.findall(r"`(tests/[^`]+)`", part)
        assert tests
        assert all((CHECKOUT / name).exists() for name in tests)


FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def fences() -> list[ast.Module]:
    """Parse the Python code of CONTRIBUTING."""
    text = (CHECKOUT / "CONTRIBUTING.md").read_text("utf-8")
    return [ast.parse(code) for code in FENCE.findall(text)]


def test_what_the_code_of_contributing_imports_exists() -> None:
    imports = [node for tree in fences() for node in ast.walk(tree)]
    ours = {
        f"{node.module}.{alias.name}".removeprefix("coldforge.")
        for node in imports
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("coldforge")
        for alias in node.names
    }
    assert len(ours) > 20
    assert {name for name in ours if not is_defined(name)} == set()


def test_the_code_of_contributing_imports_the_classes_that_it_uses() -> None:
    for tree in fences():
        nodes = list(ast.walk(tree))
        names = [node for node in nodes if isinstance(node, ast.Name)]
        given = {node.name for node in nodes if isinstance(node, ast.alias | ast.ClassDef)}
        given |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
        used = {node.id for node in names if isinstance(node.ctx, ast.Load)}
        assert {name for name in used - given if name[0].isupper()} <= {"None"}


def test_the_levels_of_contributing_are_those_of_the_style_test() -> None:
    text = " ".join((CHECKOUT / "CONTRIBUTING.md").read_text("utf-8").split())
    assert " → ".join(", ".join(row) for row in LEVELS) in text
