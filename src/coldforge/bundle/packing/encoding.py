"""Encode blobs for sending; encodings are cached for other receivers."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from coldforge.bundle.delta import delta, zstd_codec
from coldforge.bundle.delta.tar_chunks import BLOCK, content_size
from coldforge.bundle.format.index import Encoding
from coldforge.bundle.packing.contents import RequiredBlob
from coldforge.bundle.packing.delta_bases import DeltaBase
from coldforge.bundle.packing.items import BundleItem, damaged_item
from coldforge.errors import ColdforgeError
from coldforge.files.atomic import part_of, publish
from coldforge.files.digest import sha256_file, sha256_json
from coldforge.files.lock import locked
from coldforge.paths import Workspace
from coldforge.progress import Step, amount, step

MIN_SIZE = 1 << 16  # bytes; smaller blobs stay raw
MAX_RATIO = 0.9  # of a mirror blob's size; a larger encoding is not used
CLEARLY_SMALLEST = 0.05  # of a blob's size; no other encoding beats so small a delta
VERSION = f"{zstd_codec.LEVEL}-{zstd_codec.WINDOW_LOG} {delta.LEVEL} {delta.MAGIC.decode()}"


class EncodingJob(NamedTuple):
    """A blob to send, and its delta base."""

    blob: RequiredBlob
    base: DeltaBase | None = None


def raw_item(blob: RequiredBlob) -> BundleItem:
    """Make an item of an unencoded blob."""
    return BundleItem(blob.sha256, blob.size, blob.store, blob.name, "raw", "", blob.path)


def encode_all(space: Workspace, jobs: Sequence[EncodingJob]) -> list[BundleItem]:
    """Choose the smallest encoding of each blob; two at a time."""
    folder = space.build / "bundle" / "encoded"
    work = [job for job in jobs if _options(job)]
    if not work:
        return [raw_item(job.blob) for job in jobs]
    total = sum(2 * job.blob.size * len(_options(job)) for job in work)
    with _exclusive(folder), step(f"Encoding {len(work)} blobs", total) as current:
        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(_smallest, folder, job, current) for job in work]
            made = [future.result() for future in futures]
        before = sum(job.blob.size for job in work)
        after = sum(item.encoded for item in made)
        current.result = f"{amount(before)} became {amount(after)}"
    found = {(item.store, item.sha256): item for item in made}
    return [found.get((job.blob.store, job.blob.sha256)) or raw_item(job.blob) for job in jobs]


def _options(job: EncodingJob) -> list[Encoding]:
    """List the encodings to try besides raw, the most promising first."""
    found: list[Encoding] = ["delta"] if job.base else []
    if job.blob.size >= MIN_SIZE and _is_tar(job.blob.path):
        found.append("zstd")
    return found


def _is_tar(path: Path) -> bool:
    """Tell whether a file is an uncompressed tar. Compressed files stay raw."""
    try:
        with path.open("rb") as stream:
            header = stream.read(BLOCK)
    except FileNotFoundError:
        return False
    return any(header) and content_size(header) >= 0


def _smallest(folder: Path, job: EncodingJob, current: Step) -> BundleItem:
    limit = job.blob.size * (MAX_RATIO if job.blob.store == "mirror" else 1.0)
    best = raw_item(job.blob)
    options = _options(job)
    for encoding in options:
        made = _encoded(folder, job, encoding, current)
        if made.encoded < min(limit, best.encoded):
            best = made
        if encoding == "delta" and made.encoded < CLEARLY_SMALLEST * job.blob.size:
            current.advance(2 * job.blob.size * (len(options) - 1))
            break
    return best


def _encoded(folder: Path, job: EncodingJob, encoding: Encoding, current: Step) -> BundleItem:
    """Take an encoding from the cache folder, or make and verify it."""
    blob, base = job.blob, job.base if encoding == "delta" else None
    against = base.sha256 if base else ""
    key = sha256_json([blob.sha256, encoding, against, VERSION])[:32]
    path = next(iter(sorted(folder.glob(f"{key}.{'?' * 64}"))), None)
    if path is None:
        if base and sha256_file(base.path) != base.sha256:
            raise damaged_item(
                raw_item(RequiredBlob(base.sha256, base.size, blob.store, base.lineage, base.path))
            )
        path = _make(folder / key, blob, base, current)
    else:
        current.advance(2 * blob.size)
    digest = path.name.partition(".")[2]
    return BundleItem(
        blob.sha256, blob.size, blob.store, blob.name, encoding, against, path, digest
    )


def _make(place: Path, blob: RequiredBlob, base: DeltaBase | None, current: Step) -> Path:
    """Encode, verify by decoding, and publish."""
    part = part_of(place)
    with part.open("wb") as out:
        if base:
            delta.encode(base.path, blob.path, out, current.advance)
        else:
            zstd_codec.compress(blob.path, out, current.advance)
    with part.open("rb") as stream:
        if _decoded(stream, blob, base, current) != blob.sha256:
            raise damaged_item(raw_item(blob))
    path = place.with_name(f"{place.name}.{sha256_file(part)}")
    publish(part, path)
    return path


def _decoded(stream: BinaryIO, blob: RequiredBlob, base: DeltaBase | None, current: Step) -> str:
    """Hash the decoded bytes; empty if they do not decode."""
    digest = hashlib.sha256()
    size = blob.size
    chunks = delta.decode(base.path, stream, size) if base else zstd_codec.decompress(stream, size)
    try:
        for chunk in chunks:
            digest.update(chunk)
            current.advance(len(chunk))
    except ColdforgeError:
        return ""
    return digest.hexdigest()


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Let one run encode at a time; others wait and then find most of it cached."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        yield
