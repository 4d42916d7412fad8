"""Images in the Docker Engine: list them, and load one, sending only the layers it lacks."""

import contextlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coldforge.errors import ColdforgeError
from coldforge.files.digest import canonical_json
from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import LayerWriter, headers
from coldforge.image.oci.layout import Descriptor, Layout
from coldforge.progress import step

if TYPE_CHECKING:
    import docker

CHUNK = 1 << 20


def image_name(stack: str, tag: str = "latest") -> str:
    """Name a stack's image in Docker; `localhost/` keeps a push from leaving this host."""
    return f"localhost/coldforge/{stack}:{tag}"


def diff_ids(client: "docker.DockerClient", name: str) -> list[str]:
    """List the diffIDs of an image in Docker; [] if there is none of that name."""
    import docker.errors

    try:
        return list(client.api.inspect_image(name)["RootFS"].get("Layers") or [])
    except docker.errors.ImageNotFound:
        return []


def load(client: "docker.DockerClient", layout: Layout, manifest: Descriptor, name: str) -> bool:
    """Load this image into Docker as `name`; return whether anything was sent.

    Layers that one of our images in Docker has are left out of the archive; if Docker refuses
    that, every layer is sent. Raise ColdforgeError if the image is not there
    afterwards.
    """
    document = layout.read(manifest.digest)
    config = layout.read(document["config"]["digest"])
    wanted = config["rootfs"]["diff_ids"]
    ids = (document["config"]["digest"], manifest.digest)
    if _holds(client, name, ids, wanted):
        return False
    before = _id(client, name)
    said = ""
    for present in dict.fromkeys((_present(client, wanted), 0)):
        said = _send(client, layout, manifest, name, document["layers"][present:])
        if _holds(client, name, ids, wanted):
            _forget(client, before)
            return True
    message = f"Docker refused {name}: {said}" if said else f"Docker does not list {name}"
    raise ColdforgeError(message, "see Docker's log, and whether its disk is full")


def is_image(shown: Mapping[str, Any], ids: tuple[str, str], wanted: list[str]) -> bool:
    """Tell whether an inspected image is the one of layers `wanted` (diffIDs).

    Its id is our config's digest or, in a containerd store, our manifest's. Such a store takes a
    name whose layers are missing, and then shows the right id but no layers.
    """
    layers = (shown.get("RootFS") or {}).get("Layers") or []
    return shown.get("Id") in ids and layers == wanted


def remove_image(client: "docker.DockerClient", name: str) -> None:
    """Drop an image's name, and its layers if no other image has them."""
    import docker.errors

    with contextlib.suppress(docker.errors.ImageNotFound):
        client.api.remove_image(name, force=True)


def _id(client: "docker.DockerClient", name: str) -> str:
    import docker.errors

    try:
        return str(client.api.inspect_image(name)["Id"])
    except docker.errors.APIError:
        return ""


def _forget(client: "docker.DockerClient", image: str) -> None:
    """Remove the image a name was taken from, unless it has another name or is in use."""
    import docker.errors

    with contextlib.suppress(docker.errors.APIError):
        if image and not client.api.inspect_image(image)["RepoTags"]:
            client.api.remove_image(image)


def _holds(
    client: "docker.DockerClient", name: str, ids: tuple[str, str], wanted: list[str]
) -> bool:
    import docker.errors

    try:
        return is_image(client.api.inspect_image(name), ids, wanted)
    except docker.errors.APIError:
        return False


def _present(client: "docker.DockerClient", wanted: list[str]) -> int:
    """Count the lowest layers of `wanted` that an image of ours has."""
    most = 0
    for image in client.api.images():
        tags = [
            tag for tag in image.get("RepoTags") or [] if tag.startswith("localhost/coldforge/")
        ]
        for tag in tags[:1]:
            have = diff_ids(client, tag)
            common = 0
            while common < min(len(have), len(wanted)) and have[common] == wanted[common]:
                common += 1
            most = max(most, common)
    return most


def _send(
    client: "docker.DockerClient",
    layout: Layout,
    manifest: Descriptor,
    name: str,
    layers: list[dict[str, Any]],
) -> str:
    """Send the image with these of its layers; return the error that Docker reports, or ''."""
    import docker.errors

    size = sum(layer["size"] for layer in layers)
    with step(f"Loading {name} into Docker", size) as progress:
        archive = _counted(_archive(layout, manifest, name, layers), progress.advance)
        try:
            messages = list(client.api.load_image(archive, quiet=True) or [])
        except docker.errors.APIError as error:
            messages = [{"error": error.explanation}]
        said = "; ".join(str(item["error"]) for item in messages if "error" in item)
        progress.result = "refused" if said else ""
        return said


def _counted(chunks: Iterator[bytes], advance: Any) -> Iterator[bytes]:  # noqa: ANN401
    for chunk in chunks:
        advance(len(chunk))
        yield chunk


def _archive(
    layout: Layout, manifest: Descriptor, name: str, layers: list[dict[str, Any]]
) -> Iterator[bytes]:
    """Stream a hybrid archive: an OCI layout that is a `docker save` archive too."""
    document = layout.read(manifest.digest)
    blobs = [manifest.digest, document["config"]["digest"], *(item["digest"] for item in layers)]
    for path, data in _documents(manifest, name, document).items():
        yield from _member(path, len(data), io.BytesIO(data))
    for digest in dict.fromkeys(blobs):
        place = layout.blob(digest)
        with place.open("rb") as stream:
            yield from _member(_blob_path(digest), place.stat().st_size, stream)
    yield bytes(1024)


def _documents(manifest: Descriptor, name: str, document: dict[str, Any]) -> dict[str, bytes]:
    annotations = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
    index = {"schemaVersion": 2, "manifests": [manifest.json() | {"annotations": annotations}]}
    docker_manifest = [
        {
            "Config": _blob_path(document["config"]["digest"]),
            "RepoTags": [name],
            "Layers": [_blob_path(layer["digest"]) for layer in document["layers"]],
        }
    ]
    return {
        "oci-layout": canonical_json({"imageLayoutVersion": "1.0.0"}),
        "index.json": canonical_json(index),
        "manifest.json": canonical_json(docker_manifest),
    }


def _member(path: str, size: int, stream: Any) -> Iterator[bytes]:  # noqa: ANN401
    yield from headers(Member(path, "file", 0o644, size=size), 0)
    while data := stream.read(CHUNK):
        yield data
    yield bytes(-size % 512)


def _blob_path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def archive_of(files: dict[str, Path]) -> Iterator[bytes]:
    """Stream a tar of host files under given names, for Docker to unpack."""
    sink = io.BytesIO()
    writer = LayerWriter(sink, 0)
    for name, path in sorted(files.items()):
        with path.open("rb") as stream:
            member = Member(name, "file", shown_mode(path), size=path.stat().st_size)
            writer.add(member, stream)
        yield sink.getvalue()
        sink.seek(0)
        sink.truncate()
    writer.close()
    yield sink.getvalue()


def shown_mode(path: Path) -> int:
    """Give the mode that a step sees an input with: only the executable bit is the file's own."""
    return 0o755 if path.stat().st_mode & 0o100 else 0o644
