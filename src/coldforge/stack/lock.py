"""The lock: every input of a stack by digest, size and origin-relative path, without host names."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import msgspec

from coldforge.errors import ColdforgeError
from coldforge.files.atomic import write_file
from coldforge.files.digest import sha256_file
from coldforge.paths import Workspace
from coldforge.stack.stack import Stack, read_stack
from coldforge.tomlfile import read_toml

FORMAT = 1
HEX = re.compile(r"[0-9a-f]{64}")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One input: what it is for, what it is, and its bytes."""

    use: str
    """The layer, or `wheel/<name>`, that takes it."""
    origin: str
    """Of mirror/origins; `file` for what a person brings."""
    name: str
    version: str
    path: str
    """Debian: pool path. Python, carried file: file name. Git, LFS, registry: below its forge."""
    size: int
    sha256: str
    suite: str = ""


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signed state of a Debian suite the entries were chosen from."""

    suite: str
    version: str
    date: str
    sha256: str
    """Of the verified InRelease file."""


class Lock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of offline-mirror/<stack>.lock."""

    version: int
    stack: str
    requests: dict[str, list[str]]
    releases: list[Release]
    entries: list[Entry]

    def of(self, use: str) -> list[Entry]:
        """List the entries of one use, in lock order."""
        return [entry for entry in self.entries if entry.use == use]


def read_lock(path: Path) -> Lock:
    """Read and check a lock; raise ColdforgeError."""
    if not path.exists():
        hint = f"run: ./invokew stack.lock --stack {path.stem}"
        raise ColdforgeError(f"stack '{path.stem}' has no lock", hint)
    lock = read_toml(path, Lock)
    if lock.version != FORMAT:
        raise ColdforgeError(f"{path.name} has format {lock.version}, this tool reads {FORMAT}")
    for entry in lock.entries:
        if not HEX.fullmatch(entry.sha256) or entry.size < 0 or not _relative(entry.path):
            message = f"{path.name}: bad entry for {entry.name} ({entry.use})"
            raise ColdforgeError(message, f"take {path.name} from version control again")
    return lock


def write_lock(path: Path, lock: Lock) -> bool:
    """Write sorted, a line an entry; return whether the bytes changed."""
    lines = [f"version = {lock.version}", f"stack = {_toml(lock.stack)}", "", "[requests]"]
    lines += [f"{_toml(use)} = {_toml(asked)}" for use, asked in sorted(lock.requests.items())]
    for release in sorted(lock.releases, key=lambda item: item.suite):
        lines += ["", "[[releases]]"]
        lines += [f"{key} = {_toml(value)}" for key, value in msgspec.to_builtins(release).items()]
    none = [] if lock.releases else ["releases = []"]
    entries = [f"  {_inline(entry)}," for entry in _sorted(lock)]
    lines[2:2] = [*none, "", "entries = [", *entries, "]"]
    text = "\n".join(lines) + "\n"
    if path.exists() and path.read_text("utf-8") == text:
        return False
    write_file(path, text.encode())
    return True


def check_lock(lock: Lock, stack: Stack) -> None:
    """Raise ColdforgeError naming the first thing the stack asks for and the lock does not hold."""
    hint = f"run: ./invokew stack.lock --stack {stack.name}"
    asked = stack.requests()
    for use in sorted(asked.keys() | lock.requests.keys()):
        wanted, held = set(asked.get(use, [])), set(lock.requests.get(use, []))
        for item in sorted(wanted - held):
            if item.startswith("carried:"):
                continue  # Pinned by mirror.add, once somebody brought it.
            raise ColdforgeError(f"{stack.name}.lock lacks '{item}', which {use} asks for", hint)
        for item in sorted(held - wanted):
            message = f"{stack.name}.lock holds '{item}' for {use}, which no longer asks for it"
            raise ColdforgeError(message, hint)


def lock_digest(path: Path) -> str:
    """Identify a lock by the sha256 of its file; hex."""
    return sha256_file(path)


def _sorted(lock: Lock) -> list[Entry]:
    return sorted(
        lock.entries,
        key=lambda item: (item.use, item.origin, item.name, item.version, item.path, item.sha256),
    )


def _relative(path: str) -> bool:
    """Tell a path below its origin from one that names a host or climbs out."""
    return "" not in path.split("/") and ".." not in path.split("/")


def _inline(entry: Entry) -> str:
    pairs = msgspec.to_builtins(entry).items()
    return "{ " + ", ".join(f"{key} = {_toml(value)}" for key, value in pairs) + " }"


def _toml(value: object) -> str:
    # TOML's strings, integers and arrays are JSON's, but for DEL, which TOML wants escaped,
    # and surrogate pairs, which it does not take: other characters are written as they are.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


class LockedStack(NamedTuple):
    """A stack with its lock."""

    stack: Stack
    lock: Lock


def chain(space: Workspace, name: str) -> list[LockedStack]:
    """Read a stack, its builder stack, and so on; the stack itself last.

    Raise ColdforgeError if one is its own builder, is unknown or has no lock.
    """
    links: list[LockedStack] = []
    seen: list[str] = []
    while name:
        if name in seen:
            message = f"stack {name} is its own builder: {' → '.join([*seen, name])}"
            raise ColdforgeError(message, f"correct builder = ... in docker/stacks/{name}.toml")
        seen.append(name)
        stack = read_stack(space, name)
        links.insert(0, LockedStack(stack, read_lock(space.lock(name))))
        name = stack.file.builder
    return links
