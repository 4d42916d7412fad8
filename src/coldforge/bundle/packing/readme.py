"""README.txt of a bundle: what it is and how to receive it."""

import hashlib
import json
from datetime import UTC, datetime

from coldforge.bundle.format.index import Index, Volume, encode
from coldforge.bundle.format.volume import VolumeKind, trailer, volume_name
from coldforge.progress import amount

PURPOSES = {
    "build": "everything needed to build image {0} without a network",
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
    note = "`bundle` is the sha256 of index.json, which holds the digests of everything else."
    return "\n".join([title, "", *lines, "", note])


def _volumes(index: Index, signatures: bytes) -> str:
    rows = [*_rows("data", index.volumes), *_rows("parity", index.parity_volumes)]
    tail = len(trailer("data", 1, 0, encode(index), signatures))
    lines = [f"  {name:<16} {amount(size + tail):>10}" for name, size in rows]
    return "\n".join(["Files", "", *lines, *OTHERS])


def _rows(kind: VolumeKind, volumes: list[Volume]) -> list[tuple[str, int]]:
    return [(volume_name(kind, number), volume.size) for number, volume in enumerate(volumes, 1)]


def _contents(index: Index) -> str:
    lines = [
        f"  {volume_name('data', item.parts[0].volume) if item.parts else '-':<16}"
        f" {amount(item.size):>10}  {item.name}" + f" ({item.encoding})" * (item.encoding != "raw")
        for item in index.items
    ]
    return "\n".join(["Contents, by the volume where each item starts", "", *lines])


def _damage(index: Index) -> str:
    grid = index.parity
    lines = ["A damaged or lost disk", ""]
    if grid is None:
        lines += ["  This bundle has no parity. `receive` names the volumes that are damaged;"]
        lines += ["  ask the sender for only those files."]
    else:
        share = grid.parity / (grid.rows + grid.parity)
        lines += [
            "  `receive` rebuilds lost volumes and damaged stretches,",
            f"  up to {share:.0%} of the whole; less if the damage is in very many places.",
            "  Copy what can still be read, and start `receive` as usual. If that is not enough,",
            "  it names the volumes: ask the sender for only those files.",
        ]
    return "\n".join([*lines, "  What arrived intact is kept and need not be brought again."])


OTHERS = (
    "  receive          starts the transfer; needs sh and Python 3.9 or newer",
    "  index.json       positions and digests of everything",
    "  signatures.json  of index.json; every volume repeats both",
)
RECEIVE = """
To receive it

  The first time, on a host without Coldforge:
    sh receive --into FOLDER --trust trust.json
  trust.json lists the keys that your site trusts; it must not come from this disk.
  If there is none, compare `bundle` above with the sender by telephone:
    sh receive --into FOLDER --digest SHA256
  Later, in FOLDER/coldforge:
    ./invokew mirror.receive PATH-OF-THIS-FOLDER
  Volumes may come one disk at a time, in any order, over days: run the same command for each,
  the first kind with the disk's folder at its end.
"""
