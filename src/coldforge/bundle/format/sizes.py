"""Parse sizes and shares: 4G, 700 MiB, 10%."""

import re

from coldforge.errors import ColdforgeError

SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kKMGT]?)(i?)B?")
POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
SHARE = re.compile(r"(\d+(?:\.\d+)?) ?(%?)")
MIN_VOLUME = 1_000_000  # bytes; the index that a volume repeats may take that much


def parse_size(text: str) -> int:
    """Parse a size in bytes: `4G` is 4 * 10^9, `4GiB` 4 * 2^30, empty 0. Raise ColdforgeError."""
    if not text:
        return 0
    match = SIZE.fullmatch(text.strip())
    if match is None or (match[3] and not match[2]):
        raise ColdforgeError(f"'{text}' is not a size", "write it like 4G, 700M or 3.9GiB")
    base = 1024 if match[3] else 1000
    size = int(float(match[1]) * base ** POWERS[match[2].upper()])
    if size < MIN_VOLUME:
        raise ColdforgeError(f"'{text}' is too small for a volume", "give 1M or more")
    return size


def parse_share(text: str) -> float:
    """Parse a share: `10%` and `0.1` are a tenth, empty is 0. Raise ColdforgeError."""
    if not text:
        return 0.0
    match = SHARE.fullmatch(text.strip())
    share = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= share <= 1:
        raise ColdforgeError(f"'{text}' is not a share", "write it like 10%, at most 100%")
    return share
