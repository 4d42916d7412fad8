"""Write a bundle: volumes, parity, index, signatures, README.txt and `receive`."""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from coldforge.bundle.format.index import TYPE, Index, Volume, decode, encode
from coldforge.bundle.format.parity import Readback, add_parity
from coldforge.bundle.format.payload import PayloadWriter
from coldforge.bundle.format.volume import VolumeKind, trailer, volume_name
from coldforge.bundle.packing.items import BundleContents, BundleItem, ItemReader
from coldforge.bundle.packing.journal import Journal, begin, exclusive, finish
from coldforge.bundle.packing.layout import arrange
from coldforge.bundle.packing.readme import readme
from coldforge.bundle.packing.receiver import write_receive
from coldforge.errors import ColdforgeError
from coldforge.files.atomic import part_of, publish, write_file
from coldforge.files.digest import canonical_json
from coldforge.progress import Step, amount, step
from coldforge.trust.envelope import Envelope, sign
from coldforge.trust.keys import fingerprint, public_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


SIGNATURE_SIZE = 256  # most bytes per signature in signatures.json


def pack(
    out: Path,
    contents: BundleContents,
    split: int = 0,
    share: float = 0.0,
    keys: Sequence["Ed25519PrivateKey"] = (),
    trust: Sequence[Envelope] = (),
) -> Index:
    """Write a bundle into folder `out`, or continue after a killed run.

    `split`: largest size of a volume in bytes; 0: one volume. `share`: of parity, 0 to 1. `trust`:
    newer trust documents that the receiver may lack. Raise ColdforgeError if `out` holds something
    else, an item is damaged, or the disk is full.
    """
    names = [fingerprint(public_text(key)) for key in keys]
    extra = msgspec.to_builtins(list(trust))
    signatures_size = SIGNATURE_SIZE * (len(keys) + 1) + len(canonical_json(extra))
    plan = arrange(contents, split, share, signatures_size)
    with exclusive(out), _disk_errors(out):
        journal = begin(out, plan, names)
        if journal is None:
            return decode((out / "index.json").read_bytes())
        index = _written(out, plan, contents.ordered(), journal)
        data = encode(index)
        signatures = [msgspec.to_builtins(sign(TYPE, data, key)) for key in keys]
        _finish(out, index, canonical_json({"signatures": signatures, "trust": extra}))
    return index


def _written(out: Path, plan: Index, items: list[BundleItem], journal: Journal) -> Index:
    """Write all payloads missing in the journal; return the plan with its hashes."""
    total = sum(volume.size for volume in plan.volumes)
    kept = sum(volume.size for volume in journal.volumes)
    readers = [ItemReader(item) for item in items]
    with step(f"Packing {len(items)} items", total) as current:
        current.advance(kept)
        for number in range(len(journal.volumes) + 1, len(plan.volumes) + 1):
            volume = _payload(_part(out, "data", number), plan, readers, number, current)
            journal.volumes.append(volume)
            journal.write(out)
        many = "s" * (len(plan.volumes) != 1)
        current.result = f"{amount(total)} in {len(plan.volumes)} volume{many}"
    if plan.parity and not journal.parity:
        journal.parity = _parity(out, plan, journal)
        journal.write(out)
    return msgspec.structs.replace(
        plan, serial=journal.serial, volumes=journal.volumes, parity_volumes=journal.parity
    )


def _payload(
    path: Path, plan: Index, readers: list[ItemReader], number: int, current: Step
) -> Volume:
    with PayloadWriter(path, plan.shard) as payload:
        for item, reader in zip(plan.items, readers, strict=True):
            start = 0
            for piece in item.parts:
                if piece.volume == number:
                    for chunk in reader.read(start, piece.size):
                        payload.write(chunk)
                        current.advance(len(chunk))
                start += piece.size
        return payload.finish()


def _parity(out: Path, plan: Index, journal: Journal) -> list[Volume]:
    def mark(groups: int) -> None:
        journal.groups = groups
        journal.write(out)

    assert plan.parity is not None  # noqa: S101 - checked by the caller
    written = {
        _part(out, "data", number): volume for number, volume in enumerate(journal.volumes, 1)
    }
    parts = {
        _part(out, "parity", number): volume.size
        for number, volume in enumerate(plan.parity_volumes, 1)
    }
    with Readback(written, plan.parity.shard) as data:
        return add_parity(data, plan.parity, parts, journal.groups, mark)


def _finish(out: Path, index: Index, signatures: bytes) -> None:
    """Add the trailers and write the other files, index.json last."""
    data = encode(index)
    kinds: list[tuple[VolumeKind, list[Volume]]] = [("data", index.volumes)]
    kinds += [("parity", index.parity_volumes)]
    for kind, volumes in kinds:
        for number, volume in enumerate(volumes, 1):
            part = _part(out, kind, number)
            if part.exists():
                with part.open("r+b") as stream:
                    stream.truncate(volume.size)
                    stream.seek(volume.size)
                    stream.write(trailer(kind, number, volume.size, data, signatures))
                publish(part, out / volume_name(kind, number))
    write_receive(out / "receive")
    write_file(out / "README.txt", readme(index, signatures).encode())
    write_file(out / "signatures.json", signatures)
    write_file(out / "index.json", data)
    finish(out)


def _part(out: Path, kind: VolumeKind, number: int) -> Path:
    return part_of(out / volume_name(kind, number))


@contextmanager
def _disk_errors(out: Path) -> Iterator[None]:
    """Turn errors of a full or limited disk into a ColdforgeError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"the disk that holds {out} is full"
            hint = "free some space; the same command continues"
            raise ColdforgeError(message, hint) from error
        if error.errno == errno.EFBIG:
            message = f"the disk that holds {out} cannot hold a file this large"
            raise ColdforgeError(message, "use --split 4G and an empty folder") from error
        raise
