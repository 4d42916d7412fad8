"""Close package requests over their dependencies: pure, and the same for any order of its input.

There is no backtracking: a choice once made stands, and what contradicts it is an error in one
line. Debian's stable suites never need more; a request in a layer settles what does.
"""

import difflib
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cmp_to_key

import msgspec

from coldforge.errors import ColdforgeError
from coldforge.mirror.origins.debian.packages import (
    Clause,
    DebianPackage,
    Relation,
    compare,
    parse_relations,
    provided,
    rank,
    satisfies,
)

Pins = Mapping[str, Collection[tuple[str, str]]]
"""Name -> (version, sha256) that an earlier lock chose and that may stay."""


class Pick(msgspec.Struct, frozen=True):
    """A chosen package, the use that first needs it and the package that requires it."""

    use: str
    package: DebianPackage
    required_by: str
    """The package that depends on it; empty when requested or essential."""


class PackagePool:
    """Candidates by name and by what they provide, the default suite's first."""

    def __init__(
        self, packages: Iterable[DebianPackage], suites: Sequence[str], architecture: str = "amd64"
    ) -> None:
        """Sort `packages` into an index; `suites` gives their order, the default one first."""
        self.suites, self.architecture = list(suites), architecture
        self.essential: set[str] = set()
        self._named: dict[str, list[DebianPackage]] = {}
        self._providers: dict[str, list[DebianPackage]] = {}
        for package in packages:
            self._named.setdefault(package.name, []).append(package)
            if package.essential and package.suite == suites[0]:
                self.essential.add(package.name)
            for name in provided(package) if package.provides else ():
                self._providers.setdefault(name, []).append(package)

    def options(self, clause: Clause) -> list[DebianPackage]:
        """List what satisfies a clause: by suite, then alternative, then real before provided."""
        found: dict[DebianPackage, None] = {}
        for suite in self.suites:
            for relation in clause:
                real = sorted(self._named.get(relation.name, ()), key=_newest)
                virtual = sorted(self._providers.get(relation.name, ()), key=_foremost)
                for package in (*real, *virtual):
                    if package.suite == suite and self.satisfies(package, relation):
                        found[package] = None
        return list(found)

    def satisfies(self, package: DebianPackage, relation: Relation) -> bool:
        """Tell whether a package answers a relation on this architecture."""
        return satisfies(package, relation, self.architecture)

    def clauses(self, field: str) -> list[Clause]:
        """Parse a relation field."""
        return parse_relations(field, self.architecture)

    def like(self, name: str) -> list[str]:
        """Name up to four packages that are written nearly so."""
        return difflib.get_close_matches(name, sorted(self._named), n=4, cutoff=0.7)


def closure(
    pool: PackagePool, asked: Mapping[str, Collection[str]], held: Pins, essential: bool = True
) -> list[Pick]:
    """Choose the packages each use needs beyond the uses before it; sorted by use, then name.

    `asked` is in layer order. With `essential` the first use also gets every package that the
    default suite marks so, because nothing declares that it depends on those.
    Raise ColdforgeError for unknown requests, unmet dependencies and conflicts.
    """
    chooser = _Chooser(pool, held)
    picks: list[Pick] = []
    for number, (use, requests) in enumerate(asked.items()):
        wanted = sorted(set(requests))
        if essential and number == 0:
            named = {request.partition("/")[0] for request in wanted}
            wanted += sorted(pool.essential - named)
        picks += sorted(chooser.layer(use, wanted), key=lambda pick: pick.package.name)
    _check_conflicts(pool, chooser)
    return picks


class _Chooser:
    """What has been chosen so far, across the layers."""

    def __init__(self, pool: PackagePool, held: Pins) -> None:
        self.pool, self.held = pool, held
        self.chosen: dict[str, DebianPackage] = {}
        self.providing: dict[str, list[DebianPackage]] = {}

    def layer(self, use: str, requests: Iterable[str]) -> list[Pick]:
        """Take every request first, so that they settle alternatives, then what they need."""
        picks: list[Pick] = []
        queue: deque[DebianPackage] = deque()
        for request in requests:
            self._take(self._requested(request, use), use, "", picks, queue)
        while queue:
            package = queue.popleft()
            for clause in self.pool.clauses(package.depends):
                if not any(True for _ in self.answers(clause)):
                    self._take(self._needed(package, clause), use, package.name, picks, queue)
        return picks

    def answers(self, clause: Clause) -> Iterator[DebianPackage]:
        """Yield the chosen packages that satisfy a clause."""
        for relation in clause:
            real = self.chosen.get(relation.name)
            for package in ([real] if real else []) + self.providing.get(relation.name, []):
                if self.pool.satisfies(package, relation):
                    yield package

    def _take(
        self,
        package: DebianPackage,
        use: str,
        required_by: str,
        picks: list[Pick],
        queue: deque[DebianPackage],
    ) -> None:
        if package.name in self.chosen:
            return
        self.chosen[package.name] = package
        for name in provided(package):
            self.providing.setdefault(name, []).append(package)
        picks.append(Pick(use, package, required_by))
        queue.append(package)

    def _requested(self, request: str, use: str) -> DebianPackage:
        name, _, suite = request.partition("/")
        if suite and suite not in self.pool.suites:
            hint = f"its suites: {', '.join(self.pool.suites)}"
            raise ColdforgeError(f"{use} asks for '{request}': the stack has no such suite", hint)
        clause = (Relation(name),)
        chosen = self.chosen.get(name)
        if chosen and suite not in ("", chosen.suite):
            message = f"{use} asks for '{request}', but {chosen} is in it or below already"
            raise ColdforgeError(message, f"ask for '{request}' where {name} first comes in")
        if chosen or (not suite and (chosen := next(self.answers(clause), None))):
            return chosen
        options = [item for item in self.pool.options(clause) if suite in ("", item.suite)]
        if not options:
            like = self.pool.like(name)
            hint = f"did you mean: {', '.join(like)}" if like else "check the name in layer.toml"
            raise ColdforgeError(f"{use} asks for unknown Debian package '{request}'", hint)
        return self._preferred(options)

    def _needed(self, package: DebianPackage, clause: Clause) -> DebianPackage:
        options = self.pool.options(clause)
        free = [option for option in options if option.name not in self.chosen]
        if free:
            return self._preferred(free)
        wish = " | ".join(str(relation) for relation in clause)
        if not options:
            raise ColdforgeError(f"{package} needs {wish}, which no suite of the stack has")
        other = options[0]
        message = f"{package} needs {wish}, but {self.chosen[other.name]} was chosen before"
        raise ColdforgeError(message, f"ask for '{other.name}/{other.suite}' in the lowest layer")

    def _preferred(self, options: list[DebianPackage]) -> DebianPackage:
        """Take the first that an earlier lock holds, else the first."""
        for option in options:
            if (option.version, option.sha256) in self.held.get(option.name, ()):
                return option
        return options[0]


def _check_conflicts(pool: PackagePool, chooser: _Chooser) -> None:
    for _, package in sorted(chooser.chosen.items()):
        for clause in pool.clauses(package.conflicts):
            for other in chooser.answers(clause):
                if other.name != package.name:
                    message = f"{package} cannot be installed beside {other}"
                    raise ColdforgeError(message, "ask for another package in layer.toml")


def _order(left: DebianPackage, right: DebianPackage) -> int:
    if left.name != right.name:
        return -1 if left.name < right.name else 1
    # Equal versions differ in their bytes when two components carry the package.
    return compare(right.version, left.version) or (-1 if left.sha256 < right.sha256 else 1)


_newest = cmp_to_key(_order)


def _foremost(package: DebianPackage) -> tuple[int, object]:
    return rank(package.priority), _newest(package)
