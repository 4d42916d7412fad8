"""mirror.have, mirror.bundle, mirror.inspect, mirror.receive: across the air gap."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context

from coldforge.errors import ColdforgeError
from coldforge.tasks._task import emit, task

if TYPE_CHECKING:
    from coldforge.bundle.receive import Received

JSON = "Print the result for programs."


@partial(
    task,
    help={
        "out": "File to write, for the sender of the next bundle.",
        "qr": "Page of QR codes to write as well, for a site that lets only paper out.",
        "json": JSON,
    },
)
def have(context: Context, out: str, qr: str = "", json: bool = False) -> None:
    """Write an inventory of what this place has: the sender packs only what it lacks.

    Example: invoke mirror.have --out have.cfh
    """
    from coldforge.bundle.have import SHORT, encode, take
    from coldforge.bundle.qr import write_page
    from coldforge.paths import Workspace
    from coldforge.progress import amount

    found = take(Workspace.find())
    data = encode(found)
    Path(out).write_bytes(data)
    count = (len(found.mirror) + len(found.layout)) // SHORT
    result = {"out": out, "bytes": len(data), "blobs": count, "images": found.images}
    text = f"{out}: {count} blobs in {amount(len(data))}"
    if qr:
        result |= {"qr": qr, "codes": write_page(data, Path(qr))}
        text += f"; {qr}: {result['codes']} codes"
    emit(result, json, text)


@partial(
    task,
    positional=["folder"],
    help={
        "folder": "Folder that holds the bundle, or some volumes of it.",
        "older": "Take the files of a bundle older than what is here; it changes no names.",
        "digest": "sha256 of its index.json, told by the sender: stands for signatures.",
        "json": JSON,
    },
)
def receive(
    context: Context, folder: str, older: bool = False, digest: str = "", json: bool = False
) -> None:
    """Take in a bundle, or the volumes of it that are here; repairs, verifies, continues.

    Exit status: 3 while something is missing, 4 for a bundle that is refused.

    Example: invoke mirror.receive /media/usb
    """
    import msgspec

    from coldforge.bundle.receive import Options
    from coldforge.bundle.receive import receive as take_in
    from coldforge.paths import Workspace

    place = Path(folder)
    if not place.is_dir():
        raise ColdforgeError(f"{folder} is no folder", "name the folder that holds the volumes")
    done = take_in(Workspace.find(), place, Options(older, digest))
    emit(msgspec.to_builtins(done), json, _received_text(done))


def _received_text(done: "Received") -> str:
    from coldforge.progress import amount

    name = f"bundle {done.bundle[:12]} for {done.kind} of {done.stack}"
    if done.already:
        return f"{name}: received already, nothing to do"
    lines = [f"{name}: {done.taken} taken in ({amount(done.size)}), {done.present} were here"]
    lines += [f"repaired {n} shards of volume {v}" for v, n in sorted(done.repaired.items())]
    lines += [f"image {image}" for image in done.images]
    lines += [done.project] * bool(done.project)
    return "\n".join(lines)
