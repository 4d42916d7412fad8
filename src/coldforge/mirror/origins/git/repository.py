"""A bare repository: fetch one commit, list its tree, read its blobs.

Nothing is checked out, so neither line endings nor attributes touch a byte.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple, cast

from coldforge.errors import ColdforgeError
from coldforge.files.lock import locked
from coldforge.mirror.http.urls import redact
from coldforge.mirror.origins.git.forge import Commit
from coldforge.mirror.settings.git import command, environment, run
from coldforge.progress import step

# Answers of servers that hand out branches and tags only, or know nothing of depth.
REFUSED = ("not our ref", "unadvertised object", "shallow", "remote ref")
EVERYTHING = ("+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*")


class TreeEntry(NamedTuple):
    """One line of a tree: octal mode, object id, path."""

    mode: str
    oid: str
    path: str


class Repository:
    """A bare repository that keeps the commits asked for."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`; it is made on the first fetch."""
        self.folder = folder

    def fetch(self, commit: Commit) -> None:
        """Bring a commit and its tree, unless they are here; raise ColdforgeError."""
        if self._has(commit):
            return
        with self._alone():
            if not self._has(commit):
                with step(f"Fetching {commit.repository} at {commit.hex[:12]}"):
                    self._bring(commit)

    def tree(self, commit: Commit) -> list[TreeEntry]:
        """List a commit's files, symlinks and submodules; paths keep their bytes."""
        listing = self._git("ls-tree", "-r", "-z", "--full-tree", commit.hex)
        items = []
        for line in listing.split(b"\0")[:-1]:
            about, _, path = line.partition(b"\t")
            mode, _, oid = about.decode().split(" ")
            items.append(TreeEntry(mode, oid, path.decode("utf-8", "surrogateescape")))
        return items

    @contextmanager
    def blobs(self) -> Iterator[Callable[[str], bytes]]:
        """Open the repository for reading; yield what turns an object id into its bytes."""
        process = subprocess.Popen(
            command(self.folder, "cat-file", "--batch"),
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        with process as talk:
            ask, answer = cast(IO[bytes], talk.stdin), cast(IO[bytes], talk.stdout)
            try:
                yield lambda oid: self._blob(oid, ask, answer)
            finally:
                with suppress(BrokenPipeError):
                    ask.close()

    def _blob(self, oid: str, ask: IO[bytes], answer: IO[bytes]) -> bytes:
        with suppress(BrokenPipeError):
            ask.write(oid.encode() + b"\n")
            ask.flush()
        about = answer.readline().split()  # <oid> <type> <size>, or <oid> missing
        length = int(about[2]) + 1 if len(about) == 3 else 0  # ends in a line feed of its own
        data = answer.read(length)
        if not data or len(data) != length:
            message = f"object {oid[:12]} of {self.folder.name} cannot be read: it is damaged"
            raise ColdforgeError(message, f"run: rm -r {self.folder}")
        return data[:-1]

    def _has(self, commit: Commit) -> bool:
        """Look for the name that is given only once everything has arrived."""
        if not (self.folder / "HEAD").exists():
            return False
        name = f"{_name(commit)}^{{tree}}"
        return run(self.folder, "rev-parse", "--verify", "--quiet", name).returncode == 0

    def _bring(self, commit: Commit) -> None:
        if not (self.folder / "HEAD").exists():
            self._git("init", "--quiet", "--bare", "--template=")
        one = run(
            self.folder, "fetch", "--quiet", "--depth=1", "--no-tags", "--", commit.url, commit.hex
        )
        if one.returncode:
            said = one.stderr.decode("utf-8", "replace")
            if not any(reason in said for reason in REFUSED):
                raise self._failed(commit, said)
            self._bring_all(commit)
        self._git("update-ref", _name(commit), commit.hex)

    def _bring_all(self, commit: Commit) -> None:
        """Bring every branch and tag, from a server that gives no single commit."""
        every = run(self.folder, "fetch", "--quiet", "--no-tags", "--", commit.url, *EVERYTHING)
        if every.returncode:
            raise self._failed(commit, every.stderr.decode("utf-8", "replace"))
        if run(self.folder, "cat-file", "-e", f"{commit.hex}^{{commit}}").returncode:
            message = f"{commit.repository} has no commit {commit.hex} on a branch or tag"
            raise ColdforgeError(message, "correct the commit, or the url.*.insteadOf of git")

    def _failed(self, commit: Commit, said: str) -> ColdforgeError:
        message = f"git cannot fetch {commit.hex[:12]} of {commit.repository}: {_last(said)}"
        hint = "if a mirror of yours has it: git config --global "
        hint += f"url.<mirror>.insteadOf {commit.url}"
        damaged = str(self.folder) in said
        return ColdforgeError(message, f"run: rm -r {self.folder}" if damaged else hint)

    def _git(self, *words: str) -> bytes:
        done = run(self.folder, *words)
        if done.returncode:
            said = _last(done.stderr.decode("utf-8", "replace"))
            message = f"git {words[0]} failed in {self.folder.name}: {said}"
            raise ColdforgeError(message, f"run: rm -r {self.folder}")
        return done.stdout

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with locked(self.folder.with_suffix(".lock")):
            yield


def _name(commit: Commit) -> str:
    return f"refs/kept/{commit.hex}"


def _last(said: str) -> str:
    """Pick the line that says why."""
    lines = [line.strip() for line in redact(said).splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (fatal or lines or ["no reason given"])[0]
