"""mirror.have, .bundle, .sign, .inspect, .receive: carry files across an air gap."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.tasks._command import emit, task

if TYPE_CHECKING:
    from coldforge.bundle.inspect import Inspection
    from coldforge.bundle.packing.bundle import PackedBundle
    from coldforge.bundle.receiving.receive import ReceiveResult

JSON = "Print the result for programs."
STATES = {
    (False, None): "not here",
    (True, None): "here",
    (True, True): "intact",
    (True, False): "damaged",
}


@partial(
    task,
    help={
        "out": "File to write; give it to the sender of the next bundle.",
        "qr": "Also write this page of QR codes, for a site that only paper may leave.",
        "json": JSON,
    },
)
def have(context: Context, out: str, qr: str = "", json: bool = False) -> None:
    """Write an inventory of the files here, so that the sender packs only what is missing.

    Example: invoke mirror.have --out have.cfh
    """
    from coldforge.bundle.inventory import SHORT, encode, take_inventory
    from coldforge.bundle.qr import write_page
    from coldforge.paths import Workspace
    from coldforge.progress import amount

    found = take_inventory(Workspace.find())
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
    name="bundle",
    iterable=["sign"],
    help={
        "out": "Folder for the volumes: a disk, or a folder to copy to one.",
        "stack": "Name of docker/stacks/NAME.toml.",
        "for": "build: all files that a build reads. install: the built image and its evidence.",
        "have": "Inventory of the receiver, from mirror.have; or its scanned QR codes as text.",
        "split": "Largest volume, such as 4G for FAT32. Default: one volume.",
        "parity": "Share of the data that can be lost or damaged and rebuilt, such as 10%.",
        "sign": "Private key to sign with; repeatable.",
        "json": JSON,
    },
)
def pack(  # noqa: PLR0913, PLR0917 - one flag each
    context: Context,
    out: str,
    sign: list[str],
    stack: str = "cpu",
    for_: str = "build",
    have: str = "",
    split: str = "",
    parity: str = "",
    json: bool = False,
) -> None:
    """Pack the files that a receiver lacks, and this tool; run it again to continue.

    Example: invoke mirror.bundle --out /media/usb --split 4G --parity 10% --sign ~/keys/anna
    """
    from coldforge.bundle.format.volume import parse_share, parse_size
    from coldforge.bundle.packing.bundle import PackOptions
    from coldforge.bundle.packing.bundle import bundle as make
    from coldforge.bundle.qr import read_inventory
    from coldforge.paths import Workspace
    from coldforge.trust.keys import read_private

    if for_ not in ("build", "install"):
        raise UnknownNameError("kind of bundle", for_, ["build", "install"])
    size, share = parse_size(split), parse_share(parity)
    keys = [read_private(Path(name).expanduser()) for name in sign]
    terms = PackOptions(read_inventory(Path(have)) if have else None, size, share, keys)
    made = make(
        Workspace.find(), stack, "install" if for_ == "install" else "build", Path(out), terms
    )
    emit(_made(made), json, _made_text(made, out))


@partial(
    task,
    positional=["folder"],
    help={
        "folder": "Folder that holds the bundle, or some volumes of it.",
        "verify": "Hash each volume that is here; exit 1 if one is damaged.",
        "json": JSON,
    },
)
def inspect(context: Context, folder: str, verify: bool = False, json: bool = False) -> None:
    """Show what a bundle holds, and whether keys trusted here signed it; import nothing.

    Example: invoke mirror.inspect /media/usb --verify
    """
    import msgspec

    from coldforge.bundle.inspect import inspect as look
    from coldforge.paths import Workspace

    found = look(Workspace.find(), _folder(folder), verify)
    emit(msgspec.to_builtins(found), json, _inspection_text(found))
    if any(file.right is False for file in found.volumes):
        raise SystemExit(1)


@partial(
    task,
    positional=["folder"],
    iterable=["key"],
    help={
        "folder": "Folder that holds the bundle.",
        "key": "Private key; repeatable.",
        "json": JSON,
    },
)
def sign(context: Context, folder: str, key: list[str], json: bool = False) -> None:
    """Check every byte of a bundle and add a signature to it.

    For receivers that require several signatures; mirror.bundle made it with the first.

    Example: invoke mirror.sign /media/usb --key ~/keys/ben
    """
    from coldforge.bundle.packing.cosign import cosign
    from coldforge.trust.keys import read_private

    if not key:
        raise ColdforgeError("no private key was given", "give --key FILE")
    place = _folder(folder)
    done = cosign(place, [read_private(Path(name).expanduser()) for name in key])
    signers = "\n".join(f"signed by {keyid}" for keyid in done.signers)
    emit(done._asdict(), json, f"bundle {done.bundle}\n{signers}")


@partial(
    task,
    positional=["folder"],
    help={
        "folder": "Folder that holds the bundle, or some volumes of it.",
        "older": "Import the files of a bundle older than the last one; names do not change.",
        "digest": "sha256 of its index.json, from the sender: replaces signatures.",
        "json": JSON,
    },
)
def receive(
    context: Context, folder: str, older: bool = False, digest: str = "", json: bool = False
) -> None:
    """Import a bundle, or the volumes of it that are here: repair, verify, continue.

    Exit status: 3 if something is missing, 4 if the bundle is refused.

    Example: invoke mirror.receive /media/usb
    """
    import msgspec

    from coldforge.bundle.receiving.missing import IncompleteBundleError
    from coldforge.bundle.receiving.receive import ReceiveOptions
    from coldforge.bundle.receiving.receive import receive as take_in
    from coldforge.paths import Workspace

    try:
        done = take_in(Workspace.find(), _folder(folder), ReceiveOptions(older, digest))
    except IncompleteBundleError as error:
        if json:
            emit({"missing": msgspec.to_builtins(error.missing)}, json, "")
        raise
    emit(msgspec.to_builtins(done), json, _received_text(done))


def _folder(name: str) -> Path:
    if not Path(name).is_dir():
        raise ColdforgeError(f"{name} is not a folder", "give the folder that holds the volumes")
    return Path(name)


def _made(made: "PackedBundle") -> dict[str, object]:
    return {
        "bundle": made.bundle,
        "bytes": made.size,
        "files": made.files,
        "items": len(made.index.items),
        "left_out": made.left_out,
        "left_out_bytes": made.left_out_bytes,
        "saved_by_deltas": made.saved,
    }


def _made_text(made: "PackedBundle", out: str) -> str:
    from coldforge.progress import amount

    index = made.index
    lines = [f"{out}: {len(index.items)} items in {len(made.files)} files, {amount(made.size)}"]
    if made.left_out:
        lines.append(f"left out because the receiver has it: {amount(made.left_out_bytes)}")
    if made.saved:
        lines.append(f"saved by deltas: {amount(made.saved)}")
    return "\n".join([*lines, f"bundle {made.bundle}"])


def _inspection_text(found: "Inspection") -> str:
    from coldforge.bundle.ledger import format_time
    from coldforge.progress import amount

    trusted = "signed by keys trusted here" if found.trusted else found.why
    size = amount(sum(item.size for item in found.items))
    lines = [f"bundle {found.bundle}, {trusted}"]
    made = format_time(found.serial)
    lines += [f"for {found.kind} of {found.stack}, {made}, tool {found.revision[:12]}"]
    lines += [f"{len(found.items)} items, {size}"]
    lines += [
        f"{file.name}  {amount(file.size):>9}  {STATES[file.present, file.right]}"
        for file in found.volumes
    ]
    return "\n".join(lines)


def _received_text(done: "ReceiveResult") -> str:
    from coldforge.progress import amount

    name = f"bundle {done.bundle[:12]} for {done.kind} of {done.stack}"
    if done.already:
        return f"{name}: already received, nothing to do"
    lines = [f"{name}: {done.taken} imported ({amount(done.size)}), {done.present} were here"]
    lines += [f"repaired {n} shards of volume {v}" for v, n in sorted(done.repaired.items())]
    lines += [f"image {image}" for image in done.images]
    lines += [done.project] * bool(done.project)
    return "\n".join(lines)
