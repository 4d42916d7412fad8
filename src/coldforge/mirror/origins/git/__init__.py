"""The origins `git` and `lfs`: a release's source tree, and the large files it points to."""

from coldforge.errors import ColdforgeError
from coldforge.mirror.origins.origin import (
    Identity,
    Locator,
    Origin,
    Request,
    Resolved,
    generic_url,
    package_url,
)
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry
from coldforge.stack.stack import Stack

GITHUB = "github:"


class GitOrigin(Origin):
    """Source trees of commits, and the Git LFS objects of their pointers."""

    names = ("git", "lfs")
    settings = "git"
    shared = False

    def resolve(self, request: Request) -> Resolved:
        """Pin the release's source tree and the large files its tree only points to."""
        space, stack, previous, _ = request
        uses = [f"wheel/{name}" for name, wheel in stack.wheels.items() if wheel.release]
        if not uses:
            return Resolved([])
        if stack.profile is None:
            message = f"'{stack.name}' builds a release's wheel, but names no release"
            raise ColdforgeError(message, f"add release = ... to docker/stacks/{stack.name}.toml")
        from coldforge.mirror.origins.git.resolve import resolve_source

        profile = stack.profile
        return Resolved(
            [entry for use in uses for entry in resolve_source(space, profile, use, previous)]
        )

    def locator(self, name: str, stack: Stack, space: Workspace) -> Locator:
        """Ask git, with the user's configuration, or the LFS endpoint that it names."""
        if name == "lfs":
            from coldforge.mirror.origins.git.lfs import LfsLocator

            return LfsLocator()
        from coldforge.mirror.origins.git.resolve import GitLocator

        return GitLocator(space, stack.profile)

    def identify(self, entry: Entry) -> Identity:
        """Name a commit, a file of a commit, or by its checksum what is in neither."""
        tree = entry.path.partition("@")[0]
        if entry.origin == "git":
            return Identity("source", tree.rpartition(":")[2], _tree_url(entry))
        if not entry.path.startswith(GITHUB):
            url = generic_url(entry.name.rpartition("/")[2], entry.version, entry.sha256)
        else:
            url = package_url(
                "github", tree.removeprefix(GITHUB).lower(), entry.version, subpath=entry.name
            )
        return Identity("file", entry.name, url)


def _tree_url(entry: Entry) -> str:
    repository = entry.path.partition("@")[0]
    if repository.startswith(GITHUB):
        return package_url("github", repository.removeprefix(GITHUB).lower(), entry.version)
    return generic_url(entry.path.rpartition("/")[2], entry.version, entry.sha256)


ORIGIN = GitOrigin()
