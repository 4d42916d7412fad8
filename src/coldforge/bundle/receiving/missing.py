"""Report which items of a bundle are still missing, and which volumes they need."""

import msgspec

from coldforge.bundle.format.index import Item
from coldforge.bundle.format.volume import volume_name
from coldforge.bundle.receiving.repair import Repair
from coldforge.bundle.receiving.volumes import VolumeSet
from coldforge.bundle.stores import Stores
from coldforge.errors import ColdforgeError, MissingInputError, RefusedError
from coldforge.files.digest import sha256_file
from coldforge.progress import amount, say

SHOWN = 8  # names per line
RESEND = "run mirror.have and ask the sender for a bundle made with it"


class MissingItem(msgspec.Struct, frozen=True):
    """An item that could not be extracted, and the volume files it needs."""

    name: str
    sha256: str
    size: int
    volumes: tuple[str, ...]


class IncompleteBundleError(MissingInputError):
    """Stop until the rest of a bundle arrives; `missing` lists the items."""

    def __init__(self, message: str, hint: str, missing: list[MissingItem]) -> None:
        """Keep the list of missing items."""
        super().__init__(message, hint)
        self.missing = missing


def incomplete(failed: list[Item], repair: Repair, stores: Stores) -> ColdforgeError:
    """Explain why the items `failed` could not be extracted, a line per set of volumes."""
    waiting = {(item.store, item.sha256): item for item in failed}
    needs: dict[tuple[str, ...], list[Item]] = {}
    for item in failed:
        lost, last = repair.volumes.shards(item.parts), item
        while last.base and (last.store, last.base) in waiting:
            last = waiting[last.store, last.base]
            lost |= repair.volumes.shards(last.parts)
        names = _names(repair.volumes, lost & repair.lost)
        if not names:
            return _other_cause(last, stores)
        needs.setdefault(names, []).append(item)
    return _report(needs, repair)


def _names(volumes: VolumeSet, lost: set[int]) -> tuple[str, ...]:
    """Return the file names of the volumes that hold these data shards."""
    places = {volumes.locate("data", shard) for shard in lost}
    return tuple(volume_name("data", number + 1) for number in sorted({p[0] for p in places if p}))


def _report(needs: dict[tuple[str, ...], list[Item]], repair: Repair) -> IncompleteBundleError:
    missing = []
    for names, items in sorted(needs.items()):
        say(f"still missing, from {' and '.join(names)}: {_shown(items)}")
        missing += [MissingItem(item.name, item.sha256, item.size, names) for item in items]
    size = amount(sum(one.size for one in missing))
    first = ", ".join(one.name for one in missing[:3])
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    message = f"{amount(len(missing), 'items')} ({size}) are still missing: {first}{more}"
    files = sorted({name for one in missing for name in one.volumes})
    hint = f"bring {', '.join(files)}{_instead(repair)}; what is intact so far is kept"
    return IncompleteBundleError(message, hint, missing)


def _shown(items: list[Item]) -> str:
    """Name the largest; the error's `missing` has all, for --json."""
    first = sorted(items, key=lambda item: -item.size)[:SHOWN]
    names = ", ".join(f"{item.name} ({amount(item.size)})" for item in first)
    rest = items[SHOWN:] and f" and {len(items) - SHOWN} more (--json lists them)"
    return names + (rest or "")


def _instead(repair: Repair) -> str:
    """Say which parity would help instead, if some is not here."""
    absent = [
        volume_name("parity", number)
        for number, reader in enumerate(repair.volumes.readers["parity"], 1)
        if not reader.present
    ]
    count = amount(sum(repair.shards_needed.values()), "more intact shards")
    if not repair.shards_needed:
        return ""
    return f", or {count} of any volume" + (f" ({', '.join(absent)})" if absent else "")


def _other_cause(item: Item, stores: Stores) -> ColdforgeError:
    """Find another cause than damaged volumes for an item that cannot be extracted."""
    if item.base:
        base = stores.path(item.store, item.base)
        if not base.is_file():
            message = f"{item.name} is a delta against {item.base[:12]}…, which is not here"
            return MissingInputError(message, RESEND)
        if sha256_file(base) != item.base:
            message = f"{item.name} is a delta against {item.base[:12]}…, which is damaged here"
            return MissingInputError(message, f"remove {base} and {RESEND}")
    message = f"{item.name} does not match the index, though its volumes are intact"
    return RefusedError(message, "ask the sender for a new bundle")
