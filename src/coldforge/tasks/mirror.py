"""mirror.add, .fetch, .status, .verify: the locked files on this machine."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context

from coldforge.errors import ColdforgeError
from coldforge.tasks._command import emit, on_host, task
from coldforge.tasks.bundle import have, inspect, pack, receive, sign

if TYPE_CHECKING:
    from coldforge.mirror.add import Added
    from coldforge.mirror.fetch import Fetched
    from coldforge.mirror.status import Missing, Use, Verified
    from coldforge.mirror.store import Store
    from coldforge.paths import Workspace
    from coldforge.stack.lock import Lock

STACK = "Name of docker/stacks/NAME.toml."
JSON = "Print the result for programs."


@partial(
    task,
    positional=["file"],
    iterable=["also"],
    help={
        "file": "File as its publisher distributes it.",
        "also": "Another file; repeatable.",
        "stack": STACK,
        "json": JSON,
    },
)
def add(
    context: Context,
    file: str,
    also: list[str],
    stack: str = "cpu",
    json: bool = False,
) -> None:
    """Add hand-carried files to the mirror, if they are files that a stack needs.

    Example: invoke mirror.add cuda_12.2.2_535.104.05_linux.run --stack trtllm-0.5.0
    """
    import msgspec

    from coldforge.mirror.add import add_all
    from coldforge.paths import Workspace

    done, refused = add_all(Workspace.find(), stack, [Path(name) for name in (file, *also)])
    if done:
        result = {"stack": stack, "added": msgspec.to_builtins(done)}
        emit(result, json, "\n".join(_added_text(one) for one in done))
    if refused:
        raise refused


@partial(task, help={"stack": STACK, "jobs": "Files to fetch at once.", "json": JSON})
def fetch(
    context: Context,
    stack: str = "cpu",
    jobs: int = 8,
    json: bool = False,
) -> None:
    """Fetch the files of a stack's lock that the mirror lacks; run it again to continue.

    Example: invoke mirror.fetch --stack cpu --jobs 4
    """
    from coldforge.progress import amount

    done = fetch_stack(stack, jobs)
    text = f"{done.blobs} fetched ({amount(done.size)})" if done.blobs else "nothing to fetch"
    result = {"bytes": done.size, "fetched": done.blobs, "present": done.present, "stack": stack}
    emit(result, json, f"{stack}: {text}, {done.present} were there already")


def fetch_stack(stack: str, jobs: int = 8) -> "Fetched":
    """Fetch what the mirror lacks of the locks of a stack and its builder stacks."""
    from coldforge.mirror import fetch as mirror_fetch
    from coldforge.paths import Workspace

    if jobs < 1:
        raise ColdforgeError(f"--jobs {jobs} is less than 1", "give --jobs 1 or more")
    return mirror_fetch.fetch_stack(Workspace.find(), stack, jobs)


@partial(
    task,
    help={"stack": STACK, "missing": "List the missing files and their sources.", "json": JSON},
)
def status(
    context: Context,
    stack: str = "cpu",
    missing: bool = False,
    json: bool = False,
) -> None:
    """Show which files of a stack's lock are in the mirror, and which are missing.

    Example: invoke mirror.status --stack cpu --missing
    """
    import msgspec

    from coldforge.mirror.missing import screen
    from coldforge.mirror.status import count_uses, missing_entries, needs_fetch, to_bring
    from coldforge.paths import Workspace
    from coldforge.stack.lock import chain

    space = Workspace.find()
    links, store = chain(space, stack), _store(space)
    uses = count_uses(store, links)
    files = missing_entries(space, store, links) if missing else []
    by_hand = to_bring(store, links)
    result = {"stack": stack, "uses": msgspec.to_builtins(uses)}
    result["lacking"] = msgspec.to_builtins(by_hand)
    if missing:
        result["missing"] = msgspec.to_builtins(files)
    text = _status_text(uses, files)
    text += f"\nrun: ./invokew mirror.fetch --stack {stack}" * needs_fetch(store, links)
    text += f"\n\n{screen(stack, by_hand)}" if by_hand else ""
    emit(result, json, text)


@partial(task, help={"stack": "Check only the files of this stack's lock.", "json": JSON})
def verify(
    context: Context,
    stack: str = "",
    json: bool = False,
) -> None:
    """Hash every file in the mirror again; name damaged ones and move them aside.

    Example: invoke mirror.verify --stack cpu
    """
    import msgspec

    from coldforge.mirror.status import verify as run
    from coldforge.paths import Workspace

    space = Workspace.find()
    locks = _locks(space, stack)
    only = {entry.sha256 for lock in locks for entry in lock.entries} if stack else None
    found = run(_store(space), locks, only)
    emit(msgspec.to_builtins(found), json, _verify_text(found))
    if found.damaged:
        names = sorted({name.partition(".lock")[0] for d in found.damaged for name in d.needed_by})
        commands = " and ".join(f"./invokew mirror.fetch --stack {name}" for name in names)
        hint = f"run: {commands}" if names else "no lock needs them; nothing to do"
        raise ColdforgeError(f"{len(found.damaged)} damaged blobs were moved aside", hint)


def _store(space: "Workspace") -> "Store":
    from coldforge.mirror.store import Store

    return Store(space.mirror / "blobs")


def _locks(space: "Workspace", stack: str) -> list["Lock"]:
    from coldforge.stack.lock import read_lock

    paths = [space.lock(stack)] if stack else sorted(space.mirror.glob("*.lock"))
    return [read_lock(path) for path in paths]


def _added_text(added: "Added") -> str:
    from coldforge.progress import amount

    what = f"{added.name} {added.version}" if added.name else added.path
    lines = [f"{added.path}: {what}, {amount(added.size)}, sha256 {added.sha256}"]
    lines += [f"  note: {note}" for note in added.notes]
    lines += [f"  pinned for {pin}" for pin in added.pinned] or ["  it was already pinned"]
    return "\n".join(lines)


def _status_text(uses: list["Use"], files: list["Missing"]) -> str:
    from coldforge.progress import amount

    wide = max([20, *(len(use.use) for use in uses)])
    lines = [f"{'use':<{wide}} {'present':>8} {'bytes':>10} {'missing':>8} {'bytes':>10}"]
    for use in uses:
        there, absent = amount(use.present_bytes), amount(use.missing_bytes)
        lines.append(
            f"{use.use:<{wide}} {use.present:>8} {there:>10} {use.missing:>8} {absent:>10}"
        )
    lines += [
        f"{file.use}: {file.file} ({amount(file.size)}) from {file.source or 'an unknown source'}"
        for file in files
    ]
    return "\n".join(lines)


def _verify_text(found: "Verified") -> str:
    from coldforge.progress import amount

    lines = []
    for blob in found.damaged:
        needed = "; ".join(blob.needed_by) or "in no lock"
        lines.append(f"damaged: {blob.sha256[:12]}… {needed}; now {blob.aside}")
    lines.append(f"{found.blobs} blobs, {amount(found.size)}: {len(found.damaged)} damaged")
    return "\n".join(lines)


NAMESPACE = Collection("mirror", add, fetch, status, verify, have, pack, sign, inspect, receive)
TASKS = on_host(NAMESPACE)
