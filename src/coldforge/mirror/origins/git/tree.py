"""A release's source tree: files of a commit and its submodules, or of a folder here."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.mirror.origins.git.forge import Commit, on_forge, parse_commit
from coldforge.mirror.origins.git.repository import Repository, TreeEntry
from coldforge.mirror.origins.git.sourcetar import Leaf
from coldforge.paths import Workspace
from coldforge.stack.profile import Profile

SYMLINK, SUBMODULE = "120000", "160000"
# Build scripts look for this file to learn whether a submodule is there, and fetch it if not.
MARK = ".git"
LITTER_FOLDERS = {".git", "__pycache__", ".pytest_cache", ".idea", ".vscode"}
LITTER_ENDINGS = (".pyc", ".pyo", ".swp", ".orig", "~")

Leaves = dict[str, Leaf]


@contextmanager
def source_tree(space: Workspace, profile: Profile) -> Iterator[Leaves]:
    """Open the tree a profile names: path -> file, ready to be read; raise ColdforgeError."""
    with ExitStack() as stack:
        if on_forge(profile.repository):
            commit = parse_commit(f"{profile.repository}@{profile.commit}")
            cache = space.build / "cache" / "git"
            leaves = _Walk(cache, profile.submodules, stack).whole(commit)
        else:
            leaves = folder_leaves(space.root, profile.repository)
        yield _without(leaves, profile.without)


def _without(leaves: Leaves, unread: list[str]) -> Leaves:
    """Leave out what the profile says no build reads."""
    for path in unread:
        gone = [name for name in leaves if name == path or name.startswith(f"{path}/")]
        if not gone:
            message = f"the profile leaves out '{path}', but the tree has nothing there"
            raise ColdforgeError(message, "take it out of `without`")
        for name in gone:
            del leaves[name]
    return leaves


class _Walk:
    """From a commit down its submodules."""

    def __init__(self, cache: Path, named: dict[str, str], stack: ExitStack) -> None:
        self.cache, self.named, self.stack = cache, named, stack
        self.seen: set[str] = set()

    def whole(self, commit: Commit) -> Leaves:
        leaves = self.part(commit, "")
        for path in sorted(self.named.keys() - self.seen):
            message = f"the profile names submodule '{path}', but the tree of {commit} has none"
            raise ColdforgeError(message, "take its line out of [submodules]")
        return leaves

    def part(self, commit: Commit, prefix: str) -> Leaves:
        """List one repository's share of the tree, below `prefix` ("" or "path/")."""
        repository = Repository(self.cache / f"{commit.folder}.git")
        repository.fetch(commit)
        items = repository.tree(commit)
        links = {prefix + item.path: item.oid for item in items if item.mode == SUBMODULE}
        self._check(commit, links)
        read = self.stack.enter_context(repository.blobs())
        leaves = {
            prefix + item.path: _leaf(item, read, f"{commit}/{item.path}")
            for item in items
            if item.mode != SUBMODULE
        }
        for path in sorted(links):
            self.seen.add(path)
            leaves[f"{path}/{MARK}"] = Leaf("file", bytes)
            leaves |= self.part(parse_commit(self.named[path]), f"{path}/")
        return leaves

    def _check(self, commit: Commit, links: dict[str, str]) -> None:
        """Compare what the tree asks for with what the profile names."""
        wrong = {p: h for p, h in links.items() if self.named.get(p, "").partition("@")[2] != h}
        if not wrong:
            return
        path, held = min(wrong.items())
        if path not in self.named:
            message = f"{commit} holds submodule '{path}' at {held}; the profile does not name it"
        else:
            message = f"{commit} holds submodule '{path}' at {held}, the profile says "
            message += f"{self.named[path].partition('@')[2] or 'no commit'}"
        raise ColdforgeError(message, "in the profile:\n[submodules]\n" + self._lines(wrong))

    def _lines(self, wrong: dict[str, str]) -> str:
        names = {path: self.named.get(path, "").partition("@")[0] for path in wrong}
        return "\n".join(
            f'"{path}" = "{names[path] or "github:OWNER/NAME"}@{held}"'
            for path, held in sorted(wrong.items())
        )


def _leaf(item: TreeEntry, read: Callable[[str], bytes], source: str) -> Leaf:
    content = partial(read, item.oid)
    if item.mode == SYMLINK:
        return Leaf("symlink", content, source)
    # By the bit: old git wrote modes other than 100644 and 100755.
    return Leaf("executable" if int(item.mode, 8) & 0o100 else "file", content, source)


def folder_leaves(root: Path, folder: str) -> Leaves:
    """List the files of a folder of the checkout, without what tools leave behind."""
    top = root / folder
    if not top.is_dir():
        raise MissingInputError(f"there is no source folder '{folder}' in the checkout")
    leaves = {}
    for parent, folders, files in os.walk(top):
        here = Path(parent)
        folders[:] = [name for name in folders if name not in LITTER_FOLDERS]
        linked = [name for name in folders if (here / name).is_symlink()]
        for name in (*files, *linked):
            if not name.endswith(LITTER_ENDINGS):
                path = (here / name).relative_to(top).as_posix()
                leaves[path] = _local(here / name, f"{folder}/{path}")
    return leaves


def _local(path: Path, source: str) -> Leaf:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return Leaf("symlink", lambda: os.fsencode(path.readlink()), source)
    if not stat.S_ISREG(mode):
        raise ColdforgeError(f"{source} is neither file nor symlink", "remove it")
    return Leaf("executable" if mode & stat.S_IXUSR else "file", path.read_bytes, source)
