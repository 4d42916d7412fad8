"""Packages of a Debian index, and the relations between them."""

import operator
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from coldforge.errors import ColdforgeError

FIELDS = (
    "Package|Version|Architecture|Filename|Size|SHA256|Pre-Depends|Depends|Provides|Conflicts"
    "|Breaks|Priority|Essential"
)
FIELD = re.compile(rf"^({FIELDS}):[ \t]*(.*)$", re.MULTILINE)
# Policy 7.1: the obsolete < and > mean <= and >=.
OPERATORS: dict[str, Callable[[int, int], bool]] = {
    "<<": operator.lt,
    "<=": operator.le,
    "<": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.ge,
    ">>": operator.gt,
}
PRIORITIES = ("required", "important", "standard", "optional", "extra")


class DebianPackage(msgspec.Struct, frozen=True, gc=False):
    """One package of an index; relations as written."""

    name: str
    version: str
    suite: str
    path: str
    size: int
    sha256: str
    depends: str = ""
    """Pre-Depends and Depends."""
    provides: str = ""
    conflicts: str = ""
    """Conflicts and Breaks."""
    priority: str = "optional"
    essential: bool = False

    def __str__(self) -> str:
        """Name it for people."""
        return f"{self.name} {self.version} ({self.suite})"


class Relation(NamedTuple):
    """A package by name and perhaps version; `operator` is empty without one."""

    name: str
    operator: str = ""
    version: str = ""

    def __str__(self) -> str:
        """Write it as Debian does."""
        return f"{self.name} ({self.operator} {self.version})" if self.operator else self.name


Clause = tuple[Relation, ...]
"""Alternatives, the preferred one first."""


def parse_packages(text: str, suite: str, architecture: str) -> list[DebianPackage]:
    """Parse a Packages index, keeping `architecture` and `all`; raise ColdforgeError."""
    packages = []
    for paragraph in text.replace("\n ", " ").split("\n\n"):
        fields = dict(FIELD.findall(paragraph))
        if fields.get("Architecture") in (architecture, "all"):
            packages.append(_package(fields, suite))
    return packages


def parse_relations(text: str, architecture: str) -> list[Clause]:
    """Parse a relation field into clauses that must all hold, `|` separating alternatives.

    `:any`, `:native` and the own architecture mean what the bare name means here; another
    architecture stays in the name, so that nothing matches it.
    """
    return list(_clauses(text, architecture)) if text else []


def compare(left: str, right: str) -> int:
    """Order two Debian versions: negative, zero or positive."""
    if left == right:
        return 0
    ours, theirs = _version(left), _version(right)
    return 0 if ours == theirs else -1 if ours < theirs else 1


def matches(version: str, relation: Relation) -> bool:
    """Tell whether `version` stands in this relation; without an operator any does."""
    if not relation.operator:
        return True
    if relation.operator not in OPERATORS:
        raise ColdforgeError(f"'{relation}' is not a Debian relation")
    return OPERATORS[relation.operator](compare(version, relation.version), 0)


def satisfies(package: DebianPackage, relation: Relation, architecture: str) -> bool:
    """Tell whether a package is, or provides, what the relation names.

    Only a versioned Provides answers a versioned relation (Policy 7.5).
    """
    if package.name == relation.name:
        return matches(package.version, relation)
    for given, *_ in parse_relations(package.provides, architecture):
        if given.name == relation.name and (
            not relation.operator or (given.version and matches(given.version, relation))
        ):
            return True
    return False


def provided(package: DebianPackage) -> set[str]:
    """Name what a package provides beside itself."""
    pieces = (piece.split("(")[0] for piece in package.provides.split(","))
    return {piece.strip().split(":")[0] for piece in pieces if piece.strip()}


def rank(priority: str) -> int:
    """Order priorities, `required` first, unknown ones last."""
    return PRIORITIES.index(priority) if priority in PRIORITIES else len(PRIORITIES)


def _package(fields: dict[str, str], suite: str) -> DebianPackage:
    try:
        path = fields["Filename"].removeprefix("./")
        size, sha256 = int(fields["Size"]), fields["SHA256"]
        name, version = fields["Package"], fields["Version"]
    except (KeyError, ValueError) as error:
        name = fields.get("Package", "?")
        raise ColdforgeError(f"the index of {suite} has a bad entry for {name}: {error}") from error
    if path.startswith("/") or ".." in path.split("/") or not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ColdforgeError(f"the index of {suite} has a bad path or digest for {name}")
    needs = [fields[key] for key in ("Pre-Depends", "Depends") if fields.get(key)]
    clashes = [fields[key] for key in ("Conflicts", "Breaks") if fields.get(key)]
    return DebianPackage(
        name=name,
        version=version,
        suite=suite,
        path=path,
        size=size,
        sha256=sha256,
        depends=", ".join(needs),
        provides=fields.get("Provides", ""),
        conflicts=", ".join(clashes),
        priority=fields.get("Priority", "optional"),
        essential=fields.get("Essential") == "yes",
    )


@lru_cache(maxsize=1 << 14)
def _clauses(text: str, architecture: str) -> tuple[Clause, ...]:
    from debian.deb822 import PkgRelation

    # An empty clause, as after a trailing comma, would make the library warn.
    tidy = ",".join(piece for piece in text.split(",") if piece.strip())
    clauses = []
    for alternatives in PkgRelation.parse_relations(tidy):
        kept = tuple(_relations(alternatives, architecture))
        if kept:
            clauses.append(kept)
    return tuple(clauses)


def _relations(alternatives: Any, architecture: str) -> Iterator[Relation]:  # noqa: ANN401 - untyped library
    for item in alternatives:
        name, qualifier = str(item["name"]), item.get("archqual")
        if not name:
            continue
        if qualifier and qualifier not in ("any", "native", architecture):
            name = f"{name}:{qualifier}"
        sign, version = item.get("version") or ("", "")
        yield Relation(name, str(sign), str(version))


@lru_cache(maxsize=1 << 16)
def _version(text: str) -> Any:  # noqa: ANN401 - untyped library
    from debian.debian_support import Version

    try:
        return Version(text)
    except ValueError as error:
        raise ColdforgeError(f"'{text}' is not a Debian version") from error
