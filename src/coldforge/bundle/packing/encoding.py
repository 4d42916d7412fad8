"""Blobs encoded for sending: made once, kept, so that a second receiver costs nothing."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from coldforge.bundle.delta import delta, zstd_codec
from coldforge.bundle.delta.tar_chunks import BLOCK, content_size
from coldforge.bundle.format.index import Encoding
from coldforge.bundle.packing.contents import Need
from coldforge.bundle.packing.delta_bases import Relative
from coldforge.bundle.packing.manifest_draft import Source, damaged
from coldforge.errors import ColdforgeError
from coldforge.files.atomic import part_of, publish
from coldforge.files.digest import sha256_file, sha256_json
from coldforge.files.lock import locked
from coldforge.paths import Workspace
from coldforge.progress import Step, amount, step

LEAST = 1 << 16  # bytes of a blob that is worth packing
WORTH = 0.9  # of its size: what a mirror's blob must shrink to
SURELY = 0.05  # of its size: a delta that small, nothing else will beat
VERSION = f"{zstd_codec.LEVEL}-{zstd_codec.WINDOW_LOG} {delta.LEVEL} {delta.MAGIC.decode()}"


class Job(NamedTuple):
    """A blob to send, and what the receiver has that is like it."""

    need: Need
    base: Relative | None = None


def raw(need: Need) -> Source:
    """Send a blob as it is."""
    return Source(need.sha256, need.size, need.store, need.name, "raw", "", need.path)


def encode_all(space: Workspace, jobs: Sequence[Job]) -> list[Source]:
    """Give each blob the encoding that makes it smallest; two at a time."""
    folder = space.build / "bundle" / "encoded"
    work = [job for job in jobs if _options(job)]
    if not work:
        return [raw(job.need) for job in jobs]
    total = sum(2 * job.need.size * len(_options(job)) for job in work)
    with _held(folder), step(f"Encoding {len(work)} blobs", total) as current:
        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(_smallest, folder, job, current) for job in work]
            made = [future.result() for future in futures]
        before = sum(job.need.size for job in work)
        after = sum(source.encoded for source in made)
        current.result = f"{amount(before)} became {amount(after)}"
    found = {(source.store, source.sha256): source for source in made}
    return [found.get((job.need.store, job.need.sha256)) or raw(job.need) for job in jobs]


def _options(job: Job) -> list[Encoding]:
    """List the encodings to try besides raw, the most promising first."""
    found: list[Encoding] = ["delta"] if job.base else []
    if job.need.size >= LEAST and _is_tar(job.need.path):
        found.append("zstd")
    return found


def _is_tar(path: Path) -> bool:
    """Tell a tar as it is: a layer, a tree of sources. What is compressed already stays raw."""
    try:
        with path.open("rb") as stream:
            header = stream.read(BLOCK)
    except FileNotFoundError:
        return False
    return any(header) and content_size(header) >= 0


def _smallest(folder: Path, job: Job, current: Step) -> Source:
    limit = job.need.size * (WORTH if job.need.store == "mirror" else 1.0)
    best = raw(job.need)
    options = _options(job)
    for encoding in options:
        made = _encoded(folder, job, encoding, current)
        if made.encoded < min(limit, best.encoded):
            best = made
        if encoding == "delta" and made.encoded < SURELY * job.need.size:
            current.advance(2 * job.need.size * (len(options) - 1))
            break
    return best


def _encoded(folder: Path, job: Job, encoding: Encoding, current: Step) -> Source:
    """Take an encoding from the folder, or make it and see that it decodes."""
    need, base = job.need, job.base if encoding == "delta" else None
    against = base.sha256 if base else ""
    key = sha256_json([need.sha256, encoding, against, VERSION])[:32]
    path = next(iter(sorted(folder.glob(f"{key}.{'?' * 64}"))), None)
    if path is None:
        if base and sha256_file(base.path) != base.sha256:
            raise damaged(raw(Need(base.sha256, base.size, need.store, base.kin, base.path)))
        path = _make(folder / key, need, base, current)
    else:
        current.advance(2 * need.size)
    digest = path.name.partition(".")[2]
    return Source(need.sha256, need.size, need.store, need.name, encoding, against, path, digest)


def _make(place: Path, need: Need, base: Relative | None, current: Step) -> Path:
    """Encode, decode, and only then keep: damage here must not be noticed over there."""
    part = part_of(place)
    with part.open("wb") as out:
        if base:
            delta.encode(base.path, need.path, out, current.advance)
        else:
            zstd_codec.pack(need.path, out, current.advance)
    with part.open("rb") as stream:
        if _decoded(stream, need, base, current) != need.sha256:
            raise damaged(raw(need))
    path = place.with_name(f"{place.name}.{sha256_file(part)}")
    publish(part, path)
    return path


def _decoded(stream: BinaryIO, need: Need, base: Relative | None, current: Step) -> str:
    """Hash what an encoding decodes to; empty if it does not."""
    digest = hashlib.sha256()
    size = need.size
    chunks = delta.decode(base.path, stream, size) if base else zstd_codec.unpack(stream, size)
    try:
        for chunk in chunks:
            digest.update(chunk)
            current.advance(len(chunk))
    except ColdforgeError:
        return ""
    return digest.hexdigest()


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Let one run at a time encode; another waits, and then finds most of it made."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        yield
