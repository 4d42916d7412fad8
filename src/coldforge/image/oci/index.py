"""index.json of an OCI layout: read at any time, written under a lock.

Source: OCI image-spec v1.1, image-layout.md.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coldforge.files.atomic import write_file
from coldforge.files.digest import canonical_json
from coldforge.files.lock import locked

INDEX = "application/vnd.oci.image.index.v1+json"
REF = "org.opencontainers.image.ref.name"
VERSION = {"imageLayoutVersion": "1.0.0"}

Entry = dict[str, Any]


def name_of(entry: Entry) -> str:
    """Give the name of a descriptor; empty if it has none."""
    return str((entry.get("annotations") or {}).get(REF, ""))


def read_index(root: Path) -> list[Entry]:
    """List the descriptors of a layout's index; [] without one."""
    path = root / "index.json"
    entries: list[Entry] = json.loads(path.read_bytes())["manifests"] if path.exists() else []
    return entries


@contextmanager
def updated(root: Path) -> Iterator[list[Entry]]:
    """Yield the descriptors to be changed in place, then write them; other writers wait."""
    with _locked(root):
        entries = read_index(root)
        before = list(entries)
        yield entries
        if entries != before or not (root / "index.json").exists():
            _write(root, entries)


def write_index(root: Path, entries: list[Entry]) -> None:
    """Replace the index by one of `entries`."""
    with _locked(root):
        _write(root, entries)


def _write(root: Path, entries: list[Entry]) -> None:
    """Write the index sorted by name and digest, so that the order of builds does not show."""
    ordered = sorted(entries, key=lambda item: (not name_of(item), name_of(item), item["digest"]))
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": ordered}
    write_file(root / "index.json", canonical_json(index))


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Keep other writers out, by a lock on oci-layout: a file that every layout has."""
    with locked(root / "oci-layout") as marker:
        if not os.fstat(marker).st_size:
            os.write(marker, canonical_json(VERSION))
        yield
