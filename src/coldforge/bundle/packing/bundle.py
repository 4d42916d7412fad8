"""Make a bundle: what a receiver lacks of a stack, and nothing else."""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from coldforge.bundle.format.index import Index, Kind, encode
from coldforge.bundle.packing.contents import Image, Need, built_here, for_build, for_install
from coldforge.bundle.packing.delta_bases import Kinship, remember
from coldforge.bundle.packing.encoding import Job, encode_all, raw
from coldforge.bundle.packing.journal import check_free
from coldforge.bundle.packing.manifest_draft import Draft, Source
from coldforge.bundle.packing.pack import pack
from coldforge.bundle.packing.tool import carry
from coldforge.image.oci.layout import Layout
from coldforge.paths import Workspace
from coldforge.stack.lock import lock_digest
from coldforge.trust.rotation import remembered

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from coldforge.bundle.inventory import Have


class Terms(NamedTuple):
    """For whom, in what portions, and who answers for it."""

    have: "Have | None" = None
    """What the receiver has; None: nothing."""
    split: int = 0
    """The most bytes of a file; 0: one volume."""
    share: float = 0.0
    """Of parity, 0 to 1."""
    keys: Sequence["Ed25519PrivateKey"] = ()


class Made(msgspec.Struct, frozen=True):
    """A bundle that was made, or was there whole."""

    bundle: str
    """sha256 of index.json: what people compare by telephone."""
    index: Index
    files: dict[str, int]
    """Names of its files, and their bytes."""
    left_out: int
    """Items that the receiver has."""
    left_out_bytes: int
    saved: int
    """Bytes that deltas are smaller than what they stand for."""

    @property
    def size(self) -> int:
        """Count the bytes of all files."""
        return sum(self.files.values())


def bundle(space: Workspace, stack: str, kind: Kind, out: Path, terms: Terms | None = None) -> Made:
    """Write to `out` what a receiver lacks to build or to install a stack, and the tool.

    The same command continues a run that was killed. Raise MissingInputError if something is not
    here, ColdforgeError if `out` holds something else or the disk is full.
    """
    terms = terms or Terms()
    check_free(out)
    with Layout(space.build / "oci").held():  # nobody prunes what is being packed
        tool, tool_needs = carry(space)
        image = for_install(space, stack) if kind == "install" else _to_build(space, stack)
        remember(space)
        wanted = {(need.store, need.sha256): need for need in (*image.needs, *tool_needs)}
        lacking = [need for need in wanted.values() if not _has(terms.have, need)]
        plain = {need.sha256 for need in tool_needs}
        draft = Draft(
            kind=kind,
            stack=stack,
            serial=int(time.time()),
            lock=lock_digest(space.lock(stack)),
            image=image.digest,
            tags={stack: image.tag} if image.tag else {},
            tool=tool,
            sources=_sources(space, lacking, plain, terms.have),
        )
        trust = remembered(space.trust)
        index = pack(out, draft, terms.split, terms.share, terms.keys, trust)
    left = [need for need in wanted.values() if _has(terms.have, need)]
    return Made(
        bundle=hashlib.sha256(encode(index)).hexdigest(),
        index=index,
        files={path.name: path.stat().st_size for path in sorted(out.iterdir()) if path.is_file()},
        left_out=len(left),
        left_out_bytes=sum(need.size for need in left),
        saved=sum(item.size - item.encoded for item in index.items if item.encoding == "delta"),
    )


def _to_build(space: Workspace, stack: str) -> Image:
    return Image(built_here(space, stack), {}, for_build(space, stack))


def _has(have: "Have | None", need: Need) -> bool:
    return have is not None and have.has(need.store, need.sha256)


def _sources(
    space: Workspace, needs: list[Need], plain: set[str], have: "Have | None"
) -> list[Source]:
    """Encode what is worth it; the tool stays raw: its first reader can do nothing else."""
    kinship = Kinship(space, have) if have else None
    early = [raw(need) for need in needs if need.sha256 in plain]
    late = [need for need in needs if need.sha256 not in plain]
    jobs = [Job(need, kinship.base(need) if kinship else None) for need in late]
    return [*early, *encode_all(space, jobs)]
