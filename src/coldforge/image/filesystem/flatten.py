"""Flatten the layers of a base image into one normalised layer.

As a container runtime applies layers: whiteouts hide what is below, hard links share content.

Sources: OCI image-spec v1.1, layer.md (whiteouts, hard links) and config.md (diffIDs).
"""

import gzip
import hashlib
import json
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple, cast

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import BLOCK, CHUNK, LayerWriter
from coldforge.image.filesystem.tree import Tree, is_excluded, read_members, union
from coldforge.progress import step
from coldforge.stack.lock import Entry

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class PackedLayer(NamedTuple):
    """A layer as a registry serves it."""

    name: str
    path: Path
    """A tar: plain, or compressed with gzip or zstd."""
    diff_id: str
    """Digest of the tar itself (`sha256:<hex>`), as the image's config has it."""


def layers_of(entries: list[tuple[Entry, Path]]) -> list[PackedLayer]:
    """List the layers of a locked image, from the bottom up, by its manifest and config.

    Raise ColdforgeError if the lock lacks one of its blobs.
    """
    if not entries:
        return []
    documents = {entry.name.rpartition(" ")[2]: path for entry, path in entries}
    blobs = {f"sha256:{entry.sha256}": path for entry, path in entries}
    repository = entries[0][0].name.rpartition(" ")[0]
    try:
        manifest = json.loads(documents["manifest"].read_bytes())
        config = json.loads(documents["config"].read_bytes())
        pairs = zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True)
        return [
            PackedLayer(f"layer {number} of {repository}", blobs[layer["digest"]], diff_id)
            for number, (layer, diff_id) in enumerate(pairs, 1)
        ]
    except (KeyError, ValueError, TypeError) as error:
        message = f"the lock lacks a part of image {repository}: {error}"
        raise ColdforgeError(
            message, "take the lock from version control, or lock again"
        ) from error


def flatten(layers: list[PackedLayer], writer: LayerWriter, scratch: Path) -> None:
    """Write the union of `layers` (from the bottom up), whiteouts applied, sorted.

    `scratch`: a folder with room for the unpacked layers. Raise ColdforgeError on a damaged
    layer, one with other content than its diffID says, or a member that no layer may hold.
    """
    if not layers:
        return
    size = sum(layer.path.stat().st_size for layer in layers)
    with tempfile.TemporaryFile(dir=scratch) as spool:
        with step("Unpacking the base image", size) as progress:
            trees = [_unpack(layer, spool, progress.advance) for layer in layers]
        _write(union(trees), spool, writer)


def _unpack(layer: PackedLayer, spool: BinaryIO, advance: Callable[[float], None]) -> Tree:
    """Append the layer's tar to `spool` and read it there, contents passed over."""
    start, done = spool.seek(0, 2), 0
    digest = hashlib.sha256()
    with _sound(layer), layer.path.open("rb") as stream:
        for data in _chunks(_decompressed(stream)):
            digest.update(data)
            spool.write(data)
            advance(stream.tell() - done)
            done = stream.tell()
    if f"sha256:{digest.hexdigest()}" != layer.diff_id:
        message = f"{layer.name} is not what the image's config says ({layer.diff_id})"
        raise ColdforgeError(message, "the image is broken where it was published: take another")
    # So that a tar without an end does not run on into the next one.
    spool.write(bytes(-spool.tell() % BLOCK + 2 * BLOCK))
    spool.seek(start)
    with _sound(layer):
        return read_members(spool, hashing=False)


def _decompressed(stream: BinaryIO) -> IO[bytes]:
    """Open a layer by its first bytes: media types are not always true."""
    magic = stream.read(4)
    stream.seek(0)
    if magic.startswith(GZIP):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=stream))
    if magic == ZSTD:
        import zstandard

        reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
        return cast("IO[bytes]", reader)
    return stream


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while data := stream.read(CHUNK):
        yield data


@contextmanager
def _sound(layer: PackedLayer) -> Iterator[None]:
    """Name the layer that turns out damaged or unfit."""
    import zstandard

    try:
        yield
    except ColdforgeError as error:
        raise ColdforgeError(f"{layer.name}: {error.message}", error.hint) from error
    except (gzip.BadGzipFile, zlib.error, EOFError, zstandard.ZstdError, tarfile.TarError) as error:
        raise ColdforgeError(
            f"{layer.name} is not a sound archive: {error}", "the image is broken: take another"
        ) from error


def _write(tree: Tree, spool: BinaryIO, writer: LayerWriter) -> None:
    """Write what a layer may hold; files whose content lies at one place are hard links."""
    first: dict[int, str] = {}
    for path, node in sorted(tree.items()):
        if is_excluded(path):
            continue
        if node.member.kind != "file":
            writer.add(node.member)
        elif node.offset in first:
            writer.add(_link(node.member, first[node.offset]))
        else:
            first[node.offset] = path
            spool.seek(node.offset)
            writer.add(node.member, spool)


def _link(member: Member, target: str) -> Member:
    return replace(member, kind="hardlink", size=0, link=target, capability=b"")
