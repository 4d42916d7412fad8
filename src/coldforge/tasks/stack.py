"""stack.lock: pin every input of a stack by digest."""

from functools import partial
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context

from coldforge.tasks._command import emit, on_host, task

if TYPE_CHECKING:
    from coldforge.mirror.resolve import LockChange
    from coldforge.stack.lock import Lock

SIGNS = {"added": "+", "removed": "-", "moved": "~"}


@partial(
    task,
    iterable=["update"],
    help={
        "stack": "Name of docker/stacks/NAME.toml.",
        "update": "Package to update to the newest version that fits, or `all`; repeatable.",
        "json": "Print the result for programs.",
    },
)
def lock(
    context: Context,
    update: list[str],
    stack: str = "cpu",
    json: bool = False,
) -> None:
    """Pin every input of a stack by digest; pins that still fit are kept.

    Example: invoke stack.lock --stack cpu --update numpy
    """
    from coldforge.mirror.resolve import ALL, changes, resolve
    from coldforge.paths import Workspace
    from coldforge.stack.lock import lock_digest, read_lock, write_lock
    from coldforge.stack.stack import read_stack

    space = Workspace.find()
    chosen = read_stack(space, stack)
    path = space.lock(stack)
    before = read_lock(path) if path.exists() else None
    after = resolve(space, chosen, {ALL if name == "all" else name for name in update})
    changed = write_lock(path, after)
    moves = changes(before, after)
    result = {
        "changed": changed,
        "changes": [_builtin(move) for move in moves],
        "digest": lock_digest(path),
        "lock": str(path.relative_to(space.root)),
        "stack": stack,
        "uses": _uses(after),
    }
    emit(result, json, _text(path.name, changed, moves, after))


def _uses(lock: "Lock") -> dict[str, dict[str, int]]:
    return {
        use: {"bytes": sum(entry.size for entry in lock.of(use)), "entries": len(lock.of(use))}
        for use in sorted({entry.use for entry in lock.entries})
    }


def _text(name: str, changed: bool, moves: list["LockChange"], after: "Lock") -> str:
    from coldforge.progress import amount

    lines = []
    for move in moves:
        versions = " → ".join(item for item in (move.before, move.after) if item)
        lines.append(f"{SIGNS[move.kind]} {move.use}: {move.name} {versions}")
    for use, sums in _uses(after).items():
        lines.append(f"  {use:<20} {sums['entries']:>5} files {amount(sums['bytes']):>10}")
    total = f"{len(after.entries)} entries, {amount(sum(entry.size for entry in after.entries))}"
    kinds = [f"{sum(m.kind == kind for m in moves)} {kind}" for kind in SIGNS]
    text = ", ".join(kinds) if changed else "nothing changed"
    return "\n".join([*lines, f"{name}: {text}; {total}"])


def _builtin(move: "LockChange") -> dict[str, str]:
    import msgspec

    built: dict[str, str] = msgspec.to_builtins(move)
    return built


TASKS = on_host(Collection("stack", lock))
