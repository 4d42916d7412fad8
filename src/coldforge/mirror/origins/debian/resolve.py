"""The Debian origin: resolves package requests into entries, and locates them on archives."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from coldforge.mirror.origins.debian.archive import Get, open_archive
from coldforge.mirror.origins.debian.inrelease import Rules, by_suite, find_suite, read_index
from coldforge.mirror.origins.debian.packages import DebianPackage, parse_packages
from coldforge.mirror.origins.debian.resolver import PackagePool, Pick, closure
from coldforge.mirror.origins.origin import Locator
from coldforge.mirror.settings import apt
from coldforge.progress import step
from coldforge.stack.lock import Entry, Release
from coldforge.stack.stack import Debian

EVERYTHING = "*"


def resolve_debian(
    debian: Debian,
    asked: dict[str, list[str]],
    previous: list[Entry],
    update: set[str],
    cache: Path,
) -> tuple[list[Entry], list[Release]]:
    """Resolve `asked` (use -> requests, in layer order) into entries and the suites' releases.

    Entries of `previous` stay while their bytes are in the index, unless `update` names them or
    holds `*`. Verified indexes are kept in `cache`. Raise ColdforgeError.
    """
    if not any(asked.values()):
        return [], []
    settings = apt.options()
    check = not apt.is_off(settings.get("acquire::check-valid-until", "yes"))
    with open_archive(apt.proxies(settings)) as get:
        rules = Rules(check_valid_until=check)
        packages, releases = read_suites(debian, apt.archives(), cache, get, rules)
    picks = choose(debian, asked, packages, previous, update)
    return [_entry(pick) for pick in picks], releases


def read_suites(
    debian: Debian, sources: Sequence[apt.AptSource], cache: Path, get: Get, rules: Rules
) -> tuple[list[DebianPackage], list[Release]]:
    """Read every suite's verified indexes; raise ColdforgeError."""
    packages: list[DebianPackage] = []
    releases: list[Release] = []
    for suite in debian.suites:
        with step(f"Reading Debian {suite.name}") as current:
            found = find_suite(sources, suite, debian.architecture, get, rules)
            count = len(packages)
            for component in suite.components:
                text = read_index(found, component, debian.architecture, cache, get)
                packages += parse_packages(text, suite.name, debian.architecture)
            releases.append(found.release())
            current.result = f"{len(packages) - count:,} packages, signature good"
    return packages, releases


def choose(
    debian: Debian,
    asked: Mapping[str, list[str]],
    packages: list[DebianPackage],
    previous: Sequence[Entry],
    update: set[str],
) -> list[Pick]:
    """Close the requests over `packages`, keeping what `previous` holds and `update` does not."""
    held: dict[str, set[tuple[str, str]]] = {}
    for entry in previous:
        if entry.origin == "debian" and not update & {EVERYTHING, entry.name}:
            held.setdefault(entry.name, set()).add((entry.version, entry.sha256))
    pool = PackagePool(packages, [suite.name for suite in debian.suites], debian.architecture)
    return closure(pool, asked, held)


class DebianLocator(Locator):
    """Where the bytes of Debian entries may be fetched on this host."""

    def __init__(self, sources: Sequence[apt.AptSource] | None = None) -> None:
        """Use these archives, or those that the host's configuration names when first asked."""
        self._sources = sources

    def candidates(self, entry: Entry) -> list[str]:
        """List URLs of an entry's pool path, archives known to have its suite first.

        They may hold credentials: print them redacted. None where no archive is configured
        (`apt.HINT` says what to do) or the entry is not of this origin.
        """
        if entry.origin != "debian":
            return []
        if self._sources is None:
            self._sources = apt.configured()
        return [f"{source.uri}/{entry.path}" for source in by_suite(self._sources, entry.suite)]


def _entry(pick: Pick) -> Entry:
    package = pick.package
    return Entry(
        use=pick.use,
        origin="debian",
        name=package.name,
        version=package.version,
        path=package.path,
        size=package.size,
        sha256=package.sha256,
        suite=package.suite,
    )
