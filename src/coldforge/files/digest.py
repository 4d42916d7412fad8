"""sha256 of bytes, files and descriptions."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHUNK = 1 << 20


def sha256_file(path: Path, advance: Callable[[int], None] | None = None) -> str:
    """Hash a file; hex. `advance` is told of each chunk's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            if advance:
                advance(len(chunk))
    return digest.hexdigest()


def sha256_json(value: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    """Hash a JSON-able description in its canonical form (sorted keys, no spaces); hex."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - whatever JSON can hold
    """Encode with sorted keys and no white space, so that equal values are equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
