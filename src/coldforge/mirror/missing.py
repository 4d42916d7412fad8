"""Files that a person must bring and has not brought yet: hand-carried files, Git LFS objects."""

import textwrap
from collections.abc import Iterable, Iterator

import msgspec

from coldforge.errors import ColdforgeError
from coldforge.mirror.store import Store
from coldforge.progress import amount
from coldforge.stack.lock import Entry, Lock
from coldforge.stack.profile import Carried
from coldforge.stack.stack import Stack

WIDTH = 80


class FileToBring(msgspec.Struct, frozen=True):
    """A file that a person must bring: what it is, what needs it and where it comes from."""

    stack: str
    use: str
    name: str
    files: list[str]
    """File names that fit, the best first."""
    purpose: str
    publisher: str
    sha256: str = ""
    """Empty until the lock pins the file."""
    size: int = 0


def files_to_bring(stack: Stack, lock: Lock, store: Store, use: str) -> list[FileToBring]:
    """List what `use` (a layer, or `wheel/<name>`) lacks and no origin offers."""
    return [*_carried(stack, lock, store, use), *_large(stack, lock, store, use)]


def all_files_to_bring(stack: Stack, lock: Lock, store: Store) -> list[FileToBring]:
    """List what the layers and wheels of a stack lack and no origin offers."""
    uses = [*stack.layers, *(f"wheel/{wheel}" for wheel in stack.wheels)]
    return [item for use in uses for item in files_to_bring(stack, lock, store, use)]


def carried_inputs(stack: Stack) -> Iterator[tuple[str, str, Carried]]:
    """List the hand-carried files that a stack asks for: layer, name, what the profile says.

    Raise ColdforgeError on one that no profile describes.
    """
    for use, recipe in stack.layers.items():
        for name in recipe.inputs.carried:
            if stack.profile is None:
                message = f"layer {use} asks for '{name}', but {stack.name} names no release"
                hint = f"add release = ... to docker/stacks/{stack.name}.toml"
                raise ColdforgeError(message, hint)
            if name not in stack.profile.carried:
                message = f"layer {use} asks for '{name}', which the release does not describe"
                hint = f"add [carried.{name}] to docker/releases/{stack.file.release}.toml"
                raise ColdforgeError(message, hint)
            yield use, name, stack.profile.carried[name]


def entries_read(stack: Stack, lock: Lock) -> list[Entry]:
    """List the entries that a build reads: a tree's large files may be for other platforms."""
    linked = set(stack.profile.build.needs) if stack.profile else set()
    return [entry for entry in lock.entries if entry.origin != "lfs" or entry.name in linked]


def _carried(stack: Stack, lock: Lock, store: Store, use: str) -> Iterator[FileToBring]:
    pinned = {entry.name: entry for entry in lock.of(use) if entry.origin == "file"}
    for layer, name, about in carried_inputs(stack):
        entry = pinned.get(name)
        if layer != use or (entry and store.has(entry.sha256, entry.size)):
            continue
        yield FileToBring(
            stack=stack.name,
            use=use,
            name=name,
            files=[entry.path] if entry else about.names(),
            purpose=about.purpose,
            publisher=about.publisher,
            sha256=entry.sha256 if entry else "",
            size=entry.size if entry else 0,
        )


def _large(stack: Stack, lock: Lock, store: Store, use: str) -> list[FileToBring]:
    return [
        _object(stack, entry)
        for entry in entries_read(stack, lock)
        if entry.use == use and entry.origin == "lfs" and not store.has(entry.sha256, entry.size)
    ]


def _object(stack: Stack, entry: Entry) -> FileToBring:
    return FileToBring(
        stack=stack.name,
        use=entry.use,
        name=entry.name,
        files=[entry.name.rpartition("/")[2]],
        purpose="a library the sources link; the tree holds only its Git LFS pointer",
        publisher=f"Git LFS of {entry.path.partition('@')[0]}",
        sha256=entry.sha256,
        size=entry.size,
    )


def screen(stack: str, files: Iterable[FileToBring]) -> str:
    """Write what must be brought for a stack: each file once, what for, from whom; 80 columns."""
    same: dict[tuple[str, ...], list[FileToBring]] = {}
    for file in files:
        same.setdefault((file.sha256, file.name, *file.files), []).append(file)
    count = f"{len(same)} file{'s' * (len(same) > 1)}"
    lines = [f"{stack} needs {count} that must be brought by hand:"]
    for uses in same.values():
        lines += ["", *_about(uses)]
    lines += ["", "Then, for each:", f"  ./invokew mirror.add --stack {stack} FILE"]
    return "\n".join(lines)


def _about(uses: list[FileToBring]) -> list[str]:
    """Describe one file and all that asks for it."""
    file = uses[0]
    where: dict[str, list[str]] = {}
    for one in uses:
        layers = where.setdefault(one.stack, [])
        layers += [one.use] if one.use not in layers else []
    said = {
        "what": file.purpose,
        "for": "; ".join(f"{', '.join(layers)} of {name}" for name, layers in where.items()),
        "from": file.publisher,
        "sha256": file.sha256,
        "size": f"{amount(file.size)} ({file.size:,} bytes)" if file.sha256 else "",
    }
    first, *others = file.files
    lines = [f"  {first}", *(f"  or {other}" for other in others)]
    for label, text in said.items():
        lines += _wrapped(f"    {label:<8}", text) if text else []
    return lines


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )
