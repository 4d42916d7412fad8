"""A bundle of two items, and what must come of a bundle that was tampered with."""

import json
from pathlib import Path
from typing import Any

import pytest

from coldforge.bundle.receiving.receive import receive
from coldforge.errors import ColdforgeError
from coldforge.paths import Workspace
from tests.bundle.bundles import (
    random_bytes,
    visible_blobs,
)

A, B = random_bytes("a", 50_000), random_bytes("b", 50_000)


def refused(space: Workspace, out: Path, match: str) -> ColdforgeError:
    """Receive; nothing may come of it but one line, and one of what to do."""
    with pytest.raises(ColdforgeError, match=match) as caught:
        receive(space, out)
    assert caught.value.exit_code in (3, 4)
    assert caught.value.hint
    text = caught.value.message + caught.value.hint
    assert text.isprintable()
    assert len(text) < 1000
    assert visible_blobs(space) == set()
    return caught.value


def index_document(out: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((out / "index.json").read_bytes())
    return made


SIGNED = ("index.json", "signatures.json")


def read_file(out: Path, name: str) -> bytes:
    return (out / name).read_bytes()
