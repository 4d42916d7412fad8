"""Write a bundle: volumes, parity, index, signatures, and what a person needs beside them."""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from coldforge.bundle.format.index import TYPE, Index, Volume, decode, encode
from coldforge.bundle.format.parity import add_parity
from coldforge.bundle.format.payload import Payload
from coldforge.bundle.format.readback import Readback
from coldforge.bundle.format.volume import Sort, trailer, volume_name
from coldforge.bundle.packing.item_stream import Feed
from coldforge.bundle.packing.journal import Journal, alone, begin, end
from coldforge.bundle.packing.layout import arrange
from coldforge.bundle.packing.manifest_draft import Draft, Source
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


SIGNATURE = 256  # bytes of signatures.json for each, at most


def pack(
    out: Path,
    draft: Draft,
    split: int = 0,
    share: float = 0.0,
    keys: Sequence["Ed25519PrivateKey"] = (),
    trust: Sequence[Envelope] = (),
) -> Index:
    """Write a bundle into folder `out`; what a killed run left there is gone on with.

    `split`: the most bytes of a volume's file; 0: one volume. `share`: of parity, 0 to 1.
    `trust`: newer trust documents that the receiver may not have. Raise ColdforgeError if `out`
    holds something else, a source is damaged, or the disk is full.
    """
    names = [fingerprint(public_text(key)) for key in keys]
    extra = msgspec.to_builtins(list(trust))
    room = SIGNATURE * (len(keys) + 1) + len(canonical_json(extra))
    plan = arrange(draft, split, share, room)
    with alone(out), _room(out):
        journal = begin(out, plan, names)
        if journal is None:
            return decode((out / "index.json").read_bytes())
        index = _written(out, plan, draft.ordered(), journal)
        data = encode(index)
        signatures = [msgspec.to_builtins(sign(TYPE, data, key)) for key in keys]
        _finish(out, index, canonical_json({"signatures": signatures, "trust": extra}))
    return index


def _written(out: Path, plan: Index, sources: list[Source], journal: Journal) -> Index:
    """Write all payloads that the journal does not know yet; give the plan its hashes."""
    total = sum(volume.size for volume in plan.volumes)
    kept = sum(volume.size for volume in journal.volumes)
    feeds = [Feed(source) for source in sources]
    with step(f"Packing {len(sources)} items", total) as current:
        current.advance(kept)
        for number in range(len(journal.volumes) + 1, len(plan.volumes) + 1):
            volume = _payload(_part(out, "data", number), plan, feeds, number, current)
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


def _payload(path: Path, plan: Index, feeds: list[Feed], number: int, current: Step) -> Volume:
    with Payload(path, plan.shard) as payload:
        for item, feed in zip(plan.items, feeds, strict=True):
            start = 0
            for piece in item.parts:
                if piece.volume == number:
                    for chunk in feed.read(start, piece.size):
                        payload.write(chunk)
                        current.advance(len(chunk))
                start += piece.size
        return payload.finish()


def _parity(out: Path, plan: Index, journal: Journal) -> list[Volume]:
    def mark(groups: int) -> None:
        journal.groups = groups
        journal.write(out)

    assert plan.parity is not None  # noqa: S101 - the caller saw to it
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
    """Add the trailers and write what lies beside the volumes; index.json is the last."""
    data = encode(index)
    sorts: list[tuple[Sort, list[Volume]]] = [("data", index.volumes)]
    sorts += [("parity", index.parity_volumes)]
    for sort, volumes in sorts:
        for number, volume in enumerate(volumes, 1):
            part = _part(out, sort, number)
            if part.exists():
                with part.open("r+b") as stream:
                    stream.truncate(volume.size)
                    stream.seek(volume.size)
                    stream.write(trailer(sort, number, volume.size, data, signatures))
                publish(part, out / volume_name(sort, number))
    write_receive(out / "receive")
    write_file(out / "README.txt", readme(index, signatures).encode())
    write_file(out / "signatures.json", signatures)
    write_file(out / "index.json", data)
    end(out)


def _part(out: Path, sort: Sort, number: int) -> Path:
    return part_of(out / volume_name(sort, number))


@contextmanager
def _room(out: Path) -> Iterator[None]:
    """Say in people's words that a disk takes no more."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"the disk that holds {out} is full"
            hint = "free some space; the same command continues"
            raise ColdforgeError(message, hint) from error
        if error.errno == errno.EFBIG:
            message = f"the disk that holds {out} takes no file that big"
            raise ColdforgeError(message, "give --split 4G and an empty folder") from error
        raise
