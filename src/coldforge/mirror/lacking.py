"""What only a person can bring, and has not brought yet: hand-carried files, Git LFS objects."""

import msgspec

from coldforge.mirror.store import Store
from coldforge.stack.lock import Entry, Lock
from coldforge.stack.stack import Stack


class Lacking(msgspec.Struct, frozen=True):
    """A file that somebody must bring: what it is, what for, and who hands it out."""

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


def lacking(stack: Stack, lock: Lock, store: Store, use: str) -> list[Lacking]:
    """List what `use` (a layer, or `wheel/<name>`) lacks that no origin hands out."""
    return [*_carried(stack, lock, store, use), *_large(stack, lock, store, use)]


def _carried(stack: Stack, lock: Lock, store: Store, use: str) -> list[Lacking]:
    recipe = stack.layers.get(use)
    pinned = {entry.name: entry for entry in lock.of(use) if entry.origin == "file"}
    found = []
    for name in recipe.inputs.carried if recipe and stack.profile else []:
        entry = pinned.get(name)
        if entry and store.has(entry.sha256, entry.size):
            continue
        about = stack.profile.carried[name] if stack.profile else None
        if about:
            files = [entry.path] if entry else about.names()
            found.append(
                Lacking(
                    stack=stack.name,
                    use=use,
                    name=name,
                    files=files,
                    purpose=about.purpose,
                    publisher=about.publisher,
                    sha256=entry.sha256 if entry else "",
                    size=entry.size if entry else 0,
                )
            )
    return found


def _large(stack: Stack, lock: Lock, store: Store, use: str) -> list[Lacking]:
    needed = set(stack.profile.build.needs) if stack.profile else set()
    return [
        _object(stack, entry)
        for entry in lock.of(use)
        if entry.origin == "lfs"
        and entry.name in needed
        and not store.has(entry.sha256, entry.size)
    ]


def _object(stack: Stack, entry: Entry) -> Lacking:
    return Lacking(
        stack=stack.name,
        use=entry.use,
        name=entry.name,
        files=[entry.name.rpartition("/")[2]],
        purpose="a library the sources link; the tree holds only its Git LFS pointer",
        publisher=f"Git LFS of {entry.path.partition('@')[0]}",
        sha256=entry.sha256,
        size=entry.size,
    )


def screen(files: list[Lacking]) -> str:
    """Write what must be brought, for people: each file, what for, from whom, and the command."""
    lines = [f"{len(files)} files must be brought by hand:"]
    for file in files:
        lines += [
            "",
            f"  {' or '.join(file.files)}",
            f"    for       {file.use} of {file.stack}: {file.purpose}",
            f"    from      {file.publisher}",
        ]
        if file.sha256:
            lines.append(f"    sha256    {file.sha256} ({file.size} bytes)")
        lines.append(f"    then run  ./invokew mirror.add --stack {file.stack} {file.files[0]}")
    return "\n".join(lines)
