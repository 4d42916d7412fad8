"""URLs: local paths they name, and what of them is fit to print."""

import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname


def local(url: str) -> Path | None:
    """Give the path a file URL or a plain path names; None for anything else."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return None if "://" in url else Path(url)


def redact(text: str) -> str:
    """Hide user names, passwords and query strings of every URL in a text."""
    hidden = re.sub(r"(?<=://)[^/\s@]+@", "***@", text)
    return re.sub(r"(://[^\s?]+)\?[^\s#]+", r"\1?***", hidden)
