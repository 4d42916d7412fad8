"""The git origin: a release's commit with its submodules as one deterministic source tar."""

from collections.abc import Iterable

from coldforge.paths import Workspace
from coldforge.stack.lock import Entry
from coldforge.stack.profile import Profile


def resolve_source(
    space: Workspace, profile: Profile, use: str, previous: list[Entry]
) -> list[Entry]:
    """Pin the source tree and the large files it points to; raise ColdforgeError."""
    raise NotImplementedError


class GitOrigin:
    """Where a locked source tree may be made on this host."""

    def __init__(self, space: Workspace, profile: Profile | None) -> None:
        """Make trees of `profile`, with the user's own git configuration."""
        self.space, self.profile = space, profile

    def candidates(self, entry: Entry) -> Iterable[str]:
        """Make the tree's tar and give its file:// URL; nothing if it cannot be had."""
        raise NotImplementedError
