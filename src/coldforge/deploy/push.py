"""Push a stack's image, and what refers to it, to a registry: only what it lacks.

What refers to it: its SBOMs, provenance and attestations. Source: OCI distribution-spec v1.1,
"Pushing Manifests with Subject", "Referrers Tag Schema".
"""

import json
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from coldforge.deploy.image import StoredImage, check_whole, read_checked
from coldforge.deploy.target import PushTarget, endpoint_of
from coldforge.deploy.upload import Blob, Sent, Sessions, upload
from coldforge.files.digest import canonical_json
from coldforge.image.oci.index import INDEX
from coldforge.image.oci.layout import MANIFEST, Layout
from coldforge.mirror.http.registry import RegistryClient
from coldforge.mirror.http.retry import StoppedError
from coldforge.progress import step

TOGETHER = 3  # blobs at a time
Descriptor = dict[str, Any]


class Pushed(msgspec.Struct, frozen=True):
    """What a push did."""

    target: str
    digest: str
    """The manifest's."""
    sent: int
    """Blobs."""
    size: int
    """Bytes of them that went over the wire, those sent again included."""
    mounted: int
    """Blobs that the registry took from another of its repositories."""
    present: int
    """Blobs that it had."""
    referrers: int
    """Manifests that refer to the image and were new there."""


def push(image: StoredImage, target: PushTarget, notes: Path) -> Pushed:
    """Push to the target; what is left undone goes on from the notes kept under `notes`.

    The tag comes last, so that whoever sees it finds everything. Raise ColdforgeError.
    """
    from coldforge.mirror.http.client import client
    from coldforge.mirror.settings.pip import read_pip
    from coldforge.mirror.settings.registries import read_containers

    sessions = Sessions(notes, target)
    with image.layout.held(), sessions.held(), client(read_pip()) as http, _interruptible():
        check_whole(image)
        registry = RegistryClient(http, endpoint_of(target, read_containers()))
        registry.ping()
        evidence = referring(image.layout, image.manifest.digest)
        digests = [image.manifest.digest, *(e["digest"] for es in evidence.values() for e in es)]
        blobs = list(_blobs(image.layout, digests))
        absent = _absent(registry, blobs)
        done = _upload(registry, absent, sessions, f"Pushing {image.stack} to {target.name}")
        sessions.delivered([blob.digest for blob in blobs])
        put_manifest(registry, image.layout, image.manifest.digest)
        new = sum(put_referrers(registry, image.layout, *item) for item in evidence.items())
        put_manifest(registry, image.layout, image.manifest.digest, target.tag)
    return Pushed(
        target=str(target),
        digest=image.manifest.digest,
        sent=sum(one.how == "sent" for one in done),
        size=sum(one.size for one in done),
        mounted=sum(one.how == "mounted" for one in done),
        present=len(blobs) - len(absent),
        referrers=new,
    )


def _blobs(layout: Layout, manifests: Iterable[str]) -> Iterator[Blob]:
    """List what manifests are made of, each blob once."""
    seen = set()
    for digest in manifests:
        document = json.loads(read_checked(layout, digest))
        for part in (document["config"], *document["layers"]):
            if part["digest"] not in seen:
                seen.add(part["digest"])
                yield Blob(part["digest"], part["size"], layout.blob(part["digest"]))


def _absent(registry: RegistryClient, blobs: list[Blob]) -> list[Blob]:
    """List the blobs that the registry lacks, the largest first."""
    first, *rest = blobs  # The first one alone fetches the token that the others then share.
    with ThreadPoolExecutor(TOGETHER) as pool:
        known = [registry.has("blobs", first.digest)]
        known += pool.map(lambda blob: registry.has("blobs", blob.digest), rest)
    absent = [blob for blob, there in zip(blobs, known, strict=True) if not there]
    return sorted(absent, key=lambda blob: -blob.size)


def _upload(
    registry: RegistryClient, blobs: list[Blob], sessions: Sessions, title: str
) -> list[Sent]:
    """Send blobs side by side; the first failure stops the others at the end of their pieces."""
    if not blobs:
        return []

    def send(blob: Blob) -> Sent:
        with _stopping(registry):
            return upload(registry, blob, sessions, progress.advance)

    with step(title, sum(blob.size for blob in blobs)) as progress:
        with ThreadPoolExecutor(TOGETHER) as pool, _stopping(registry):
            work = [pool.submit(send, blob) for blob in blobs]
            wait(work)
        return [one.result() for one in sorted(work, key=_stopped)]


@contextmanager
def _stopping(registry: RegistryClient) -> Iterator[None]:
    """Stop every other request if this one ends early."""
    try:
        yield
    except BaseException:
        registry.stop.set()
        raise


def _stopped(work: "Future[Sent]") -> bool:
    """Tell whether it ended because another failed, which has the reason."""
    return isinstance(work.exception(), StoppedError)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP interrupt as Ctrl-C does: at the end of a piece, to be resumed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # One that is ignored stays ignored, as under nohup.
    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def referring(layout: Layout, digest: str) -> dict[str, list[Descriptor]]:
    """Map each manifest to the descriptors of what refers to it, from `digest` on upwards."""
    found: dict[str, list[Descriptor]] = {}
    left = [digest]
    while left:
        subject = left.pop()
        there = layout.referrers(subject)
        if there and subject not in found:
            found[subject] = there
            left += [entry["digest"] for entry in there]
    return found


def put_manifest(client: RegistryClient, layout: Layout, digest: str, tag: str = "") -> bool:
    """Put a manifest under its digest or a tag; return whether the registry kept its subject."""
    data = read_checked(layout, digest)
    return client.put_manifest(tag or digest, data, json.loads(data).get("mediaType", MANIFEST))


def put_referrers(
    client: RegistryClient, layout: Layout, subject: str, entries: list[Descriptor]
) -> int:
    """Put what refers to `subject` and is not listed there; return how many were put.

    For a registry that has no referrers API the list is kept as an index under a tag.
    """
    listed = client.list_index("referrers", subject)
    has_api = listed is not None
    fallback = subject.replace(":", "-")
    if listed is None:
        listed = client.list_index("manifests", fallback) or []
    there = {entry.get("digest") for entry in listed}
    absent = [entry for entry in entries if entry["digest"] not in there]
    subjects = [put_manifest(client, layout, entry["digest"]) for entry in absent]
    if absent and not has_api and not all(subjects):
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*listed, *absent]}
        client.put_manifest(fallback, canonical_json(document), INDEX)
    return len(absent)
