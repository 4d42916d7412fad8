"""A small bundle made by hand."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coldforge.bundle.format.index import Tool
from coldforge.bundle.packing.items import BundleContents, BundleItem

TOOL = Tool(version="0", revision="0", python="3.11", runtime=[], wheels={}, project="")


def source(folder: Path, name: str, data: bytes, **other: Any) -> BundleItem:
    sha256 = hashlib.sha256(data).hexdigest()
    path = folder / sha256
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    values: dict[str, Any] = {
        "sha256": sha256,
        "size": len(data),
        "store": "mirror",
        "name": name,
        "encoding": "raw",
        "base": "",
        "path": path,
    }
    return BundleItem(**values | other)


def draft(folder: Path, content: Mapping[str, bytes], **other: Any) -> BundleContents:
    values: dict[str, Any] = {
        "kind": "build",
        "stack": "demo",
        "serial": 1_700_000_000,
        "lock": "0" * 64,
        "image": "",
        "tags": {},
        "tool": TOOL,
        "items": [source(folder, name, data) for name, data in content.items()],
    }
    return BundleContents(**values | other)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
