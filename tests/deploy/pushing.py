"""Layers to push, and pushes that are cut off."""

import random
from pathlib import Path
from typing import Any

import pytest

from coldforge.deploy.image import StoredImage
from coldforge.deploy.push import push
from coldforge.deploy.target import PushTarget
from tests.deploy.registry_server import Shelf

BIG = random.Random(1).randbytes(5500)  # six pieces


SMALL = b"small"


def unfinished(notes: Path) -> list[Path]:
    return list(notes.glob("*/*/*.json"))


def cut_off(shelf: Shelf, image: StoredImage, target: PushTarget, notes: Path) -> None:
    """Push until the registry has 2345 bytes of blobs, then die as suddenly as a process can."""

    def die(*_: Any) -> None:
        raise MemoryError

    shelf.patience = 2345
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("coldforge.mirror.http.retry.delay", die)
        with pytest.raises(MemoryError):
            push(image, target, notes)


def blobs_of(image: StoredImage) -> int:
    """Count the bytes of config and layers."""
    parts = [image.document["config"], *image.document["layers"]]
    return sum(part["size"] for part in parts)
