"""What an image is made of: its components, by its locks and by what was built for it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from coldforge.evidence.built_wheels import BuiltWheel
from coldforge.evidence.licences.licence import UNKNOWN, Declared, Licence, licence
from coldforge.files.digest import sha256_file
from coldforge.image.layers.context import BuildContext
from coldforge.mirror.missing import entries_read
from coldforge.mirror.origins.origin import Kind, generic_url, origin_of, package_url
from coldforge.mirror.origins.python.simple_index import project_of, pypi_url
from coldforge.stack.lock import Entry, Lock
from coldforge.stack.stack import Stack

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


def locked(context: BuildContext) -> list[Component]:
    """List what the locks of the stack and of its builder name, each thing once."""
    found = list(_of_lock(context.stack, context.lock, inside=True))
    if context.builder:
        found += _of_lock(context.builder.stack, context.builder.lock, inside=False)
    return _once(found)


def components(context: BuildContext, wheels: Iterable[BuiltWheel]) -> list[Component]:
    """List everything in the image and everything it was made with, each thing once."""
    made = [_made(wheel) for wheel in wheels]
    return _once([*locked(context), *made, *checked_out(context), *_nested(context.stack)])


def licensed(components: list[Component], said: dict[str, Declared]) -> list[Component]:
    """Give each component the licence it states; a .deb may refer to another one."""
    debs = {one.name: one.sha256 for one in components if one.kind == "deb"}

    def words(one: Component) -> list[str]:
        seen: set[str] = set()
        found = said.get(one.sha256, Declared())
        while found.see and found.see not in seen:
            seen.add(found.see)
            found = said.get(debs.get(found.see, ""), Declared())
        return found.names

    known: dict[tuple[str, ...], Licence] = {(): UNKNOWN}
    result = []
    for one in components:
        names = tuple(words(one))
        known[names] = known.get(names) or licence(list(names))
        result.append(replace(one, licence=known[names]))
    return result


def _of_lock(stack: Stack, lock: Lock, inside: bool) -> Iterator[Component]:
    for entry in entries_read(stack, lock):
        use = entry.use if inside else f"{stack.name}/{entry.use}"
        yield of_entry(entry, use, inside and entry.use in stack.layers)


def _once(found: Iterable[Component]) -> list[Component]:
    """Join what is the same bytes, or the same commit; sort by kind, name and version."""
    by_key: dict[str, Component] = {}
    for one in found:
        key = one.sha256 or one.purl
        by_key[key] = joined(by_key[key], one) if key in by_key else one
    return sorted(by_key.values(), key=lambda one: (one.kind, one.name, one.version, one.ref))


def _made(wheel: BuiltWheel) -> Component:
    name, version = project_of(wheel.path.name)
    return Component(
        kind="wheel",
        name=name,
        version=version,
        purl=pypi_url(wheel.path.name),
        sha256=sha256_file(wheel.path),
        file=wheel.path.name,
        uses=wheel.layers,
        inside=True,
        locked=False,
        sources=wheel.sources,
    )


def checked_out(context: BuildContext) -> Iterator[Component]:
    """List the files that layers take straight from the checkout."""
    for layer, recipe in context.stack.layers.items():
        for source in recipe.inputs.files:
            sha256 = sha256_file(context.space.root / source)
            url = generic_url(source, "", sha256)
            yield Component("file", source, "", url, sha256, source, (layer,), True, locked=False)


def _nested(stack: Stack) -> Iterator[Component]:
    """List the commits inside a release's source tree: its submodules."""
    submodules = stack.profile.submodules if stack.profile and stack.wheels else {}
    for path, commit in submodules.items():
        repository, _, revision = commit.partition("@")
        name = repository.partition(":")[2]
        url = package_url("github", name.lower(), revision)
        uses = tuple(f"wheel/{wheel}" for wheel, recipe in stack.wheels.items() if recipe.release)
        yield Component("source", name, revision, url, "", path, uses, False, locked=False)
