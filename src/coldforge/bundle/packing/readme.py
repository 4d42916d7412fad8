"""README.txt of a bundle: what it is and what to do with it, for whoever holds the disk."""

import hashlib
import json
from datetime import UTC, datetime

from coldforge.bundle.format.index import Index, Volume, encode
from coldforge.bundle.format.volume import Sort, trailer, volume_name
from coldforge.progress import amount

PURPOSES = {
    "build": "all that is needed to build image {0} where there is no network",
    "install": "image {0}, finished, with its evidence",
}


def readme(index: Index, signatures: bytes) -> str:
    """Describe a bundle; `signatures` is its signatures.json."""
    parts = (
        _head(index, signatures),
        _volumes(index, signatures),
        RECEIVE,
        _damage(index),
        _contents(index),
    )
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _head(index: Index, signatures: bytes) -> str:
    data = encode(index)
    made = datetime.fromtimestamp(index.serial, UTC)
    signers = [signature["keyid"] for signature in json.loads(signatures)["signatures"]]
    what = PURPOSES[index.kind].format(index.stack)
    facts = {
        "holds": f"{len(index.items)} items, {amount(sum(item.size for item in index.items))}",
        "made": f"{made:%Y-%m-%d %H:%M} UTC",
        "tool": f"coldforge {index.tool.version}, revision {index.tool.revision}",
        "image": index.image or "not built by the sender",
        "bundle": hashlib.sha256(data).hexdigest(),
        "signed by": ", ".join(signers) or "nobody",
    }
    lines = [f"  {name:<10} {text}" for name, text in facts.items()]
    title = f"Coldforge bundle: {what}."
    note = "`bundle` is the sha256 of index.json, and index.json tells the digest of all the rest."
    return "\n".join([title, "", *lines, "", note])


def _volumes(index: Index, signatures: bytes) -> str:
    rows = [*_rows("data", index.volumes), *_rows("parity", index.parity_volumes)]
    tail = len(trailer("data", 1, 0, encode(index), signatures))
    lines = [f"  {name:<16} {amount(size + tail):>10}" for name, size in rows]
    return "\n".join(["Files", "", *lines, *OTHERS])


def _rows(sort: Sort, volumes: list[Volume]) -> list[tuple[str, int]]:
    return [(volume_name(sort, number), volume.size) for number, volume in enumerate(volumes, 1)]


def _contents(index: Index) -> str:
    lines = [
        f"  {volume_name('data', item.parts[0].volume) if item.parts else '-':<16}"
        f" {amount(item.size):>10}  {item.name}" + f" ({item.encoding})" * (item.encoding != "raw")
        for item in index.items
    ]
    return "\n".join(["Contents, by the volume that each begins in", "", *lines])


def _damage(index: Index) -> str:
    grid = index.parity
    lines = ["A damaged or lost disk", ""]
    if grid is None:
        lines += ["  This bundle has no parity. `receive` names the volumes that are damaged;"]
        lines += ["  ask the sender for those files alone."]
    else:
        share = grid.parity / (grid.rows + grid.parity)
        lines += [
            "  `receive` rebuilds lost volumes and damaged stretches,",
            f"  up to {share:.0%} of the whole; less where the damage is in very many places.",
            "  Copy what can still be read, and start `receive` as usual. If it was too much,",
            "  it names the volumes: ask the sender for those files alone.",
        ]
    return "\n".join([*lines, "  What arrived whole is kept: nothing has to be brought twice."])


OTHERS = (
    "  receive          starts the transfer; needs sh and Python 3.9 or newer",
    "  index.json       what is where, by digest",
    "  signatures.json  of index.json; every volume repeats both",
)
RECEIVE = """
To receive it

  The first time, on a host that has no Coldforge yet:
    sh receive --into FOLDER --trust trust.json
  trust.json names the keys that your site trusts; it must have come another way than this disk.
  If there is none, compare `bundle` above with what the sender tells you by telephone:
    sh receive --into FOLDER --digest SHA256
  Where Coldforge is already, in FOLDER/coldforge:
    ./invokew mirror.receive PATH-OF-THIS-FOLDER
  Volumes may come one disk at a time, in any order, over days: run the same command for each,
  the first kind with the disk's folder at its end.
"""
