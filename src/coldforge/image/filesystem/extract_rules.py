"""Lay archives out into a layer by a recipe's rules: part of a wheel or tarball -> a folder.

A wheel placed by rules leaves no .dist-info: `pip list` and importlib.metadata must not report a
part of a package as installed, and the lock names the layer's inputs. Only its licence is kept, in
/usr/share/doc/NAME, as Debian packages keep theirs. Links to unversioned libraries (libx.so) are
those of Debian's -dev packages.

Sources: recording installed projects (packaging.python.org); Debian Policy 8.4 and 12.5.
"""

import io
import re
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.archive import Content, members, named_damage
from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import LayerWriter
from coldforge.stack.recipe import LayerRecipe, Place

LICENCE = re.compile(
    r"([^/]+)-[^/-]+\.dist-info/(?:licenses/)?((?:.*/)?(?i:licen[cs]e|notice)[^/]*)"
)
LIBRARY = re.compile(r"((?:.*/)?lib[^/]+?\.so)((?:\.[0-9]+)+)")


def place_archives(
    recipe: LayerRecipe, archives: Iterable[tuple[str, str, Path]], writer: LayerWriter
) -> None:
    """Write what the recipe's `place` rules take from `archives` (name, file name, bytes).

    A file goes where the first rule that takes it says. Then the recipe's links, texts and
    unversioned library links. Raise ColdforgeError on a rule that takes nothing or an archive
    that is damaged.
    """
    placing = _Placing(recipe, writer)
    for name, filename, path in sorted(archives):
        placing.lay(name, filename, path)
    placing.finish()


def takes(recipe: LayerRecipe, name: str) -> bool:
    """Tell whether a rule of the recipe takes the archive of this name."""
    return any(fnmatchcase(name, rule.input) for rule in recipe.place)


class _Placing:
    """The rules under way: which of them took something, and what was laid where."""

    def __init__(self, recipe: LayerRecipe, writer: LayerWriter) -> None:
        self.recipe, self.writer = recipe, writer
        self.idle = list(recipe.place)
        self.placed: set[str] = set()
        self.libraries: set[str] = set()

    def lay(self, name: str, filename: str, path: Path) -> None:
        """Write what the rules take from one archive."""
        rules = [rule for rule in self.recipe.place if fnmatchcase(name, rule.input)]
        where: dict[str, str] = {}  # of this archive: its own path -> the image's
        if not rules:
            return
        with named_damage(filename):
            for member, content in members(filename, path):
                rule = next((r for r in rules if _inside(r, member.path) is not None), None)
                if rule:
                    self._take(rule, (member, content), where)
                elif found := LICENCE.fullmatch(member.path):
                    place = f"usr/share/doc/{found[1]}/{found[2]}"
                    self.writer.add(replace(member, path=place), content)

    def _take(self, rule: Place, file: Content, where: dict[str, str]) -> None:
        member, content = file
        place = f"{rule.to.strip('/')}/{_inside(rule, member.path)}".strip("/")
        link = member.link
        if member.kind == "hardlink":
            if link not in where:
                message = f"{member.path} is a hard link to {link}, which no rule takes"
                raise ColdforgeError(message, "let a rule of the layer's recipe take both")
            link = where[link]
        self.writer.add(replace(member, path=place, link=link), content)
        where[member.path] = place
        self.placed.add(place)
        if rule in self.idle:
            self.idle.remove(rule)
        if rule.unversioned:
            self.libraries.add(place)

    def finish(self) -> None:
        """Write what stands beside the archives; refuse a rule that took nothing."""
        for rule in self.idle:
            inside = f" below {rule.prefix}" if rule.prefix else ""
            message = f"place rule '{rule.input}' takes nothing{inside}"
            raise ColdforgeError(message, "correct the layer's recipe, or lock its inputs again")
        links = {path.strip("/"): target for path, target in self.recipe.links.items()}
        for path, target in sorted({**unversioned(self.libraries, self.placed), **links}.items()):
            self.writer.add(Member(path, "symlink", 0o777, link=target))
        for path, text in sorted(self.recipe.text.items()):
            data = text.encode()
            self.writer.add(
                Member(path.strip("/"), "file", 0o644, size=len(data)), io.BytesIO(data)
            )


def unversioned(libraries: Iterable[str], present: Iterable[str] = ()) -> dict[str, str]:
    """Name the links that linkers look for: libx.so -> the libx.so.N of the fewest numbers.

    None where `present` holds libx.so already.
    """
    links: dict[str, str] = {}
    found = [match for path in libraries if (match := LIBRARY.fullmatch(path))]
    for match in sorted(found, key=lambda match: (match[2].count("."), match[0])):
        if match[1] not in present:
            links.setdefault(match[1], match[0].rpartition("/")[2])
    return links


def _inside(rule: Place, path: str) -> str | None:
    """Give a path below the rule's prefix if the rule takes it."""
    prefix = rule.prefix.strip("/")
    if prefix and not path.startswith(prefix + "/"):
        return None
    inside = path[len(prefix) :].lstrip("/")
    if rule.only and not any(fnmatchcase(inside, glob) for glob in rule.only):
        return None
    return None if any(fnmatchcase(inside, glob) for glob in rule.without) else inside
