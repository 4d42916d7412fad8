"""The git origin: a release's commit with its submodules as one deterministic source tar."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.files.digest import sha256_json
from coldforge.files.lfs_pointer import Pointer
from coldforge.mirror.origins.git.forge import on_forge
from coldforge.mirror.origins.git.sourcetar import Leaf, NullSink, Written, write_tar
from coldforge.mirror.origins.git.tree import source_tree
from coldforge.mirror.origins.origin import Locator
from coldforge.paths import Workspace
from coldforge.progress import amount, say, step
from coldforge.stack.lock import Entry
from coldforge.stack.profile import Large, Profile

NAME = "source"


def resolve_source(
    space: Workspace, profile: Profile, use: str, previous: list[Entry]
) -> list[Entry]:
    """Pin the source tree and the large files it points to; raise ColdforgeError.

    A commit that `previous` pins is not looked at again. A folder always is.
    """
    if held := _held(profile, use, previous):
        return held
    with source_tree(space, profile) as leaves:
        with step(f"Hashing the source tree of {profile.repository}") as current:
            written = write_tar(leaves, NullSink())
            current.result = f"{len(leaves)} files, {amount(written.size)}"
        _check_large(profile, written.pointers)
        return [_source(profile, use, written), *_large(leaves, use, written.pointers)]


class GitLocator(Locator):
    """Makes a locked source tree on this host."""

    def __init__(self, space: Workspace, profile: Profile | None) -> None:
        """Make trees of `profile`, with the user's own git configuration."""
        self.space, self.profile = space, profile

    def candidates(self, entry: Entry) -> Iterable[str]:
        """Make the tree's tar and give its file:// URL; nothing if git cannot fetch it.

        The file is there until the next candidate is asked for, or the iterator goes.
        """
        if self.profile and entry.path == _path(self.profile):
            try:
                yield from _made(self.space, self.profile, entry)
            except ColdforgeError as error:
                say(f"  {error.message}")

    def place(self, entry: Entry) -> str:
        """Name the commit: to ask for a URL would be to fetch the tree and write it out."""
        return entry.path


def _made(space: Workspace, profile: Profile, entry: Entry) -> Iterator[str]:
    cache = space.build / "cache" / "git"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=cache, prefix="source-", suffix=".tar") as tar:
        with source_tree(space, profile) as leaves:
            written = write_tar(leaves, tar)
        tar.flush()
        if written.sha256 != entry.sha256:
            say(f"  {profile.repository} has changed since it was locked; run stack.lock again")
        yield Path(tar.name).absolute().as_uri()


def _path(profile: Profile) -> str:
    """Name the tree: its commit, and after a tilde what of the profile else decides its bytes."""
    if not on_forge(profile.repository):
        return profile.repository
    path = f"{profile.repository}@{profile.commit}"
    if profile.submodules or profile.without:
        path += "~" + sha256_json([profile.submodules, sorted(profile.without)])[:8]
    return path


def _source(profile: Profile, use: str, written: Written) -> Entry:
    version = profile.commit if on_forge(profile.repository) else written.sha256[:16]
    return Entry(use, "git", NAME, version, _path(profile), written.size, written.sha256)


def _large(leaves: Mapping[str, Leaf], use: str, found: Mapping[str, Pointer]) -> list[Entry]:
    """Pin each large file by what its pointer promises, at the commit that holds the pointer."""
    entries = []
    for path, pointer in sorted(found.items()):
        source = leaves[path].source
        version = source.partition("@")[2].partition("/")[0] or pointer.oid[:16]
        entries.append(Entry(use, "lfs", path, version, source, pointer.size, pointer.oid))
    return entries


def _held(profile: Profile, use: str, previous: list[Entry]) -> list[Entry]:
    """Find earlier pins of the same commit and the same large files; [] if there are none."""
    if not on_forge(profile.repository):
        return []
    own = [entry for entry in previous if entry.use == use and entry.origin in ("git", "lfs")]
    sources = [entry.path for entry in own if entry.origin == "git"]
    large = {e.name: Large(e.sha256, e.size) for e in own if e.origin == "lfs"}
    return own if sources == [_path(profile)] and large == profile.large else []


def _check_large(profile: Profile, found: Mapping[str, Pointer]) -> None:
    """Compare the pointers of the tree with the large files the profile names."""
    promised = {path: Large(pointer.oid, pointer.size) for path, pointer in found.items()}
    if promised == profile.large:
        return
    path = min(p for p in {*promised, *profile.large} if promised.get(p) != profile.large.get(p))
    if path not in promised:
        message = f"the profile names the large file '{path}', but the tree has no pointer there"
        raise ColdforgeError(message, "take its line out of [large]")
    said = "other bytes" if path in profile.large else "nothing"
    message = f"'{path}' is a Git LFS pointer; the profile says {said} of it"
    lines = [
        f'"{name}" = {{ oid = "{large.oid}", size = {large.size} }}'
        for name, large in sorted(promised.items())
        if profile.large.get(name) != large
    ]
    raise ColdforgeError(message, "in the profile:\n[large]\n" + "\n".join(lines))
