"""What of a bundle is still missing, and what would help."""

import msgspec

from coldforge.bundle.format.index import Item
from coldforge.bundle.format.volume import volume_name
from coldforge.bundle.receiving.repair import Repair
from coldforge.bundle.receiving.volumes import Holdings
from coldforge.bundle.stores import Stores
from coldforge.errors import ColdforgeError, MissingInputError, RefusedError
from coldforge.files.digest import sha256_file
from coldforge.progress import amount, say

SHOWN = 8  # names a line


class Lack(msgspec.Struct, frozen=True):
    """An item that could not be had, and the volumes' files that it needs right."""

    name: str
    sha256: str
    size: int
    volumes: tuple[str, ...]


class ShortageError(MissingInputError):
    """Stop until the rest of a bundle arrives; `lacks` tells item by item."""

    def __init__(self, message: str, hint: str, lacks: list[Lack]) -> None:
        """Keep what is missing."""
        super().__init__(message, hint)
        self.lacks = lacks


def shortage(failed: list[Item], repair: Repair, stores: Stores) -> ColdforgeError:
    """Say why the items `failed` could not be had, with a line for each set of volumes."""
    waiting = {(item.store, item.sha256): item for item in failed}
    needs: dict[tuple[str, ...], list[Item]] = {}
    for item in failed:
        lost, last = repair.holdings.shards(item.parts), item
        while last.base and (last.store, last.base) in waiting:
            last = waiting[last.store, last.base]
            lost |= repair.holdings.shards(last.parts)
        names = _names(repair.holdings, lost & repair.lost)
        if not names:
            return _odd(last, stores)
        needs.setdefault(names, []).append(item)
    return _report(needs, repair)


def _names(holdings: Holdings, lost: set[int]) -> tuple[str, ...]:
    """Name the files of the volumes that some data shards are of."""
    places = {holdings.at("data", shard) for shard in lost}
    return tuple(volume_name("data", number + 1) for number in sorted({p[0] for p in places if p}))


def _report(needs: dict[tuple[str, ...], list[Item]], repair: Repair) -> ShortageError:
    lacks = []
    for names, items in sorted(needs.items()):
        say(f"still missing, from {' and '.join(names)}: {_shown(items)}")
        lacks += [Lack(item.name, item.sha256, item.size, names) for item in items]
    size = amount(sum(lack.size for lack in lacks))
    first = ", ".join(lack.name for lack in lacks[:3])
    more = f" and {len(lacks) - 3} more" if len(lacks) > 3 else ""
    message = f"{amount(len(lacks), 'items')} ({size}) are still missing: {first}{more}"
    files = sorted({name for lack in lacks for name in lack.volumes})
    hint = f"bring {', '.join(files)}{_instead(repair)}; what is right so far is kept"
    return ShortageError(message, hint, lacks)


def _shown(items: list[Item]) -> str:
    """Name the largest; `lacks` holds them all, for --json."""
    first = sorted(items, key=lambda item: -item.size)[:SHOWN]
    names = ", ".join(f"{item.name} ({amount(item.size)})" for item in first)
    rest = items[SHOWN:] and f" and {len(items) - SHOWN} more (--json lists them)"
    return names + (rest or "")


def _instead(repair: Repair) -> str:
    """Say what parity would do in place of the data, if there is any that is not here."""
    absent = [
        volume_name("parity", number)
        for number, holding in enumerate(repair.holdings.of["parity"], 1)
        if not holding.present
    ]
    count = amount(sum(repair.short.values()), "right shards more")
    if not repair.short:
        return ""
    return f", or {count} of any volume" + (f" ({', '.join(absent)})" if absent else "")


def _odd(item: Item, stores: Stores) -> ColdforgeError:
    """Say what else than damage to the volumes can be wrong with an item."""
    if item.base:
        base = stores.path(item.store, item.base)
        if not base.is_file():
            message = f"{item.name} is a difference against {item.base[:12]}…, which is not here"
            return MissingInputError(message, "have it sent whole: mirror.have says what is here")
        if sha256_file(base) != item.base:
            message = f"{item.name} is a difference against {item.base[:12]}…, damaged here"
            return MissingInputError(message, f"remove {base} and have it sent whole")
    message = f"{item.name} is not what the index says, though its volumes are right"
    return RefusedError(message, "the sender packed it wrong: ask for a new bundle")
