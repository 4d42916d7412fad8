"""The image config and manifest; every field is set here, so the digest is reproducible."""

from datetime import UTC, datetime
from typing import Any

from coldforge.image.oci.layout import MANIFEST, Descriptor
from coldforge.stack.stack import Stack


def environment(stack: Stack, layers: list[str]) -> dict[str, str]:
    """Merge the environment of `layers`, later ones winning."""
    merged: dict[str, str] = {}
    for name in layers:
        merged |= stack.layers[name].env
    return merged


def image_config(
    stack: Stack, layers: list[tuple[str, str]], labels: dict[str, str]
) -> dict[str, Any]:
    """Describe the image of `layers` (name, diffID) as an OCI config document."""
    created = datetime.fromtimestamp(stack.file.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    names = [name for name, _ in layers]
    system, architecture = stack.file.platform.split("/")
    running: dict[str, Any] = {
        "Env": [f"{key}={value}" for key, value in sorted(environment(stack, names).items())],
        "Labels": dict(sorted((stack.file.image.labels | labels).items())),
        "WorkingDir": stack.file.image.workdir,
    }
    if stack.file.image.user:
        running["User"] = stack.file.image.user
    if stack.file.image.entrypoint:
        running["Entrypoint"] = stack.file.image.entrypoint
    if stack.file.image.cmd:
        running["Cmd"] = stack.file.image.cmd
    return {
        "architecture": architecture,
        "os": system,
        "created": created,
        "config": running,
        "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in layers]},
        "history": [
            {"created": created, "created_by": f"coldforge layer {name}"} for name in names
        ],
    }


def image_manifest(config: Descriptor, layers: list[Descriptor]) -> dict[str, Any]:
    """Describe config and layers as an OCI manifest document."""
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.json(),
        "layers": [layer.json() for layer in layers],
    }
