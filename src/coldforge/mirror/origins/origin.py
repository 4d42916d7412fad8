"""The door for origins: the kinds of places that inputs come from.

A new origin is one module or package `mirror/origins/NAME` with an attribute `ORIGIN`. It holds
all that is particular to the origin but one thing: how its files become part of a layer. That
writes bytes of layers, so it lives in `image/filesystem` and `image/layers`, above this package.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Literal, NamedTuple, Protocol

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.mirror.http.urls import redact
from coldforge.paths import Workspace
from coldforge.plugins import provided
from coldforge.stack.lock import Entry, Lock, Release
from coldforge.stack.stack import Stack

PACKAGE = "coldforge.mirror.origins"
Kind = Literal["deb", "wheel", "source", "file", "image"]


class Identity(NamedTuple):
    """How documents name an input."""

    kind: Kind
    """Decides how licences are read and which CycloneDX and SPDX type it has."""
    name: str
    package_url: str


def package_url(
    kind: str,
    name: str,
    version: str = "",
    qualifiers: Mapping[str, str] | None = None,
    subpath: str = "",
) -> str:
    """Write a canonical package URL; `name` may have a namespace before it (`debian/dash`).

    Source: ECMA-427, Package-URL.
    """
    from packageurl import PackageURL

    namespace, _, last = name.rpartition("/")
    url = PackageURL(
        kind, namespace or None, last, version or None, dict(qualifiers or {}), subpath or None
    )
    return str(url.to_string())


def generic_url(name: str, version: str, sha256: str) -> str:
    """Write the package URL of a file that no package manager knows, with its checksum."""
    return package_url("generic", name, version, {"checksum": f"sha256:{sha256}"})


class Request(NamedTuple):
    """What a lock is made from."""

    space: Workspace
    stack: Stack
    previous: list[Entry]
    """Earlier pins, which stay unless `update` names them."""
    update: set[str]
    """Names of packages to pin again; `*` for all."""


class Resolved(NamedTuple):
    """An origin's part of a lock."""

    entries: list[Entry]
    releases: Sequence[Release] = ()
    """Debian's alone: the state of each suite."""


class Locator(Protocol):
    """Finds entries, as the user's own configuration describes the places."""

    def candidates(self, entry: Entry) -> Iterable[str]:
        """Give http(s):// or file:// URLs of the entry, in the order to try; never raise.

        May be lazy: a later URL is only asked for when the earlier ones failed.
        """
        ...

    def place(self, entry: Entry) -> str:
        """Say for people where the entry would come from, fetching nothing; "" for nowhere."""
        return redact(next(iter(self.candidates(entry)), ""))


class Origin(Protocol):
    """A kind of place that inputs come from.

    For example a folder of tools that every site has, in `mirror/origins/shelf.py`:

        class Shelf(Origin):
            names = ("shelf",)
            settings = "the shelf"
            shared = True

            def resolve(self, request: Request) -> Resolved:
                sha256 = sha256_file(FOLDER / "make-4.tar")
                return Resolved([Entry("base", "shelf", "make", "4", "make-4.tar", 10240, sha256)])

            def locator(self, name: str, stack: Stack, space: Workspace) -> Locator:
                return ShelfLocator()  # candidates(entry): [(FOLDER / entry.path).as_uri()]

            def identify(self, entry: Entry) -> Identity:
                url = generic_url(entry.path, entry.version, entry.sha256)
                return Identity("file", entry.name, url)

        ORIGIN = Shelf()

    The package is imported whenever a lock is read, so heavy modules are imported in functions.
    """

    names: tuple[str, ...]
    """What its entries say in `origin`."""
    settings: str
    """Whose configuration says where its files are, for hints."""
    shared: bool
    """Whether a stack's first lock takes over what other stacks pinned for a layer they share."""

    def resolve(self, request: Request) -> Resolved:
        """Pin all that the stack asks of this origin; raise ColdforgeError."""
        ...

    def locator(self, name: str, stack: Stack, space: Workspace) -> Locator:
        """Read the configuration that says where entries of origin `name` are."""
        ...

    def identify(self, entry: Entry) -> Identity:
        """Tell what an entry is, with its package URL."""
        ...


Locators = Mapping[str, Callable[[], Locator]]
"""How to open each origin. Reading a configuration takes time, so only what is used is opened."""


@cache
def origins() -> dict[str, Origin]:
    """Map the name that entries give to its origin."""
    found: dict[str, Origin] = {}
    for origin in provided(PACKAGE, "ORIGIN").values():
        found |= dict.fromkeys(origin.names, origin)
    return found


def origin_of(entry: Entry) -> Origin:
    """Find the origin of an entry; raise UnknownNameError."""
    known = origins()
    if entry.origin not in known:
        raise UnknownNameError("origin", entry.origin, list(known))
    return known[entry.origin]


def check_origins(lock: Lock) -> None:
    """Raise UnknownNameError if an entry of a lock is of an origin that does not exist."""
    for entry in lock.entries:
        origin_of(entry)


def locators(stack: Stack, space: Workspace) -> Locators:
    """Tell how to open the origins for a stack, each at most once."""
    return {
        name: cache(partial(origin.locator, name, stack, space))
        for name, origin in origins().items()
    }


def no_section(stack: Stack, section: str, things: str) -> ColdforgeError:
    """Make the error for a stack that asks for packages without the section that says for what."""
    message = f"a layer of '{stack.name}' asks for {things}, but the stack has no [{section}]"
    return ColdforgeError(message, f"add [{section}] to docker/stacks/{stack.name}.toml")
