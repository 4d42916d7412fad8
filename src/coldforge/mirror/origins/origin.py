"""What every origin can do: say where a locked file may be had."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Protocol

from coldforge.paths import Workspace
from coldforge.stack.lock import Entry
from coldforge.stack.stack import Stack


class Origin(Protocol):
    """A place blobs come from, as the user's own configuration describes it."""

    def candidates(self, entry: Entry) -> Iterable[str]:
        """Give http(s):// or file:// URLs of the entry, in the order to try; never raise.

        May be lazy: a later URL is only asked for when the earlier ones failed.
        """
        ...


Origins = Mapping[str, Callable[[], Origin]]
"""How to open each origin. Reading a configuration takes time, so only what is used is opened."""


def origins_of(stack: Stack, space: Workspace) -> Origins:
    """Tell how to open the origins of a stack, each at most once."""

    @cache
    def python() -> Origin:
        from coldforge.mirror.origins.python.resolve import PythonOrigin
        from coldforge.mirror.settings.pip import read_pip

        return PythonOrigin(read_pip(), stack.file.python.indexes if stack.file.python else [])

    @cache
    def debian() -> Origin:
        from coldforge.mirror.origins.debian.debian import DebianOrigin

        return DebianOrigin()

    @cache
    def git() -> Origin:
        from coldforge.mirror.origins.git.git import GitOrigin

        return GitOrigin(space, stack.profile)

    @cache
    def lfs() -> Origin:
        from coldforge.mirror.origins.git.lfs import LfsOrigin

        return LfsOrigin()

    @cache
    def registry() -> Origin:
        from coldforge.mirror.origins.oci.registry import RegistryOrigin

        return RegistryOrigin()

    return {
        "debian": debian,
        "file": Nowhere,
        "git": git,
        "lfs": lfs,
        "python": python,
        "registry": registry,
    }


class Nowhere:
    """The origin of hand-carried files: only a person brings them."""

    def candidates(self, entry: Entry) -> Iterable[str]:
        """Offer nothing."""
        return []
