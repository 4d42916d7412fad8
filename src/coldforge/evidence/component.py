"""A component: one thing that is in an image, or was used to make it."""

import re
from dataclasses import dataclass, replace

from coldforge.evidence.licences.licence import UNKNOWN, Licence
from coldforge.mirror.origins.identity import Kind
from coldforge.mirror.origins.origin import origin_of
from coldforge.stack.lock import Entry

NOT_IN_REF = re.compile(r"[^A-Za-z0-9.]+")


@dataclass(frozen=True)
class Component:
    """A thing by its bytes: what it is, where it was used, and whether the image holds it."""

    kind: Kind
    name: str
    version: str
    purl: str
    sha256: str
    """Of its file; empty for a commit inside a source tree, which its version names."""
    file: str
    uses: tuple[str, ...]
    """Layers and wheels that took it, a builder stack's with that stack's name."""
    inside: bool
    """Whether it is in the image; else it was needed only to make what is."""
    locked: bool = True
    """Whether the lock names it; else the build made it or the checkout holds it."""
    sources: tuple[str, ...] = ()
    """sha256 of what it was built from, and with."""
    licence: Licence = UNKNOWN

    @property
    def ref(self) -> str:
        """Name it inside a document, the same in each."""
        short = self.sha256[:16] or self.version[:16]
        return f"{self.kind}-{NOT_IN_REF.sub('-', self.name).strip('-')}-{short}"


def of_entry(entry: Entry, use: str, inside: bool) -> Component:
    """Describe an input that the lock names; `use` says what took it."""
    kind, name, purl = origin_of(entry).identify(entry)
    file = entry.path.rpartition("/")[2]
    return Component(kind, name, entry.version, purl, entry.sha256, file, (use,), inside)


def joined(one: Component, other: Component) -> Component:
    """Make one of two findings of the same bytes: in the image if either is."""
    uses = tuple(sorted({*one.uses, *other.uses}))
    first = one if one.inside or not other.inside else other
    return replace(first, uses=uses, locked=one.locked or other.locked)
