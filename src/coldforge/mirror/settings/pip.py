"""The user's pip configuration: where Python files may come from."""

import ast
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import msgspec

# Sections of pip's configuration, the later ones overriding the earlier.
SECTIONS = ("global.", "install.", ":env:.")
YES = {"1", "true", "yes", "on", "y", "t"}
FALLBACK = (
    *("index-url", "extra-index-url", "find-links", "no-index"),
    *("trusted-host", "cert", "proxy"),
)


class PipConfig(msgspec.Struct, frozen=True):
    """What of pip's settings decides where a file comes from; URLs may hold credentials."""

    indexes: list[str] = []
    """index-url, then each extra-index-url; none with no-index."""
    no_index: bool = False
    """Use find-links alone, also instead of a stack's own indexes."""
    find_links: list[str] = []
    """Absolute paths and URLs."""
    trusted: list[str] = []
    cert: str = ""
    proxy: str = ""


@cache
def read_pip() -> PipConfig:
    """Read the merged configuration of the running interpreter's pip, once a run."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    merged = settings(done.stdout) if done.returncode == 0 else from_environment(dict(os.environ))
    return configure(merged, default_index())


def settings(listing: str) -> dict[str, str]:
    """Merge the lines of `pip config list` (`section.key='value'`) as pip itself does."""
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listing.splitlines():
        key, mark, quoted = line.partition("=")
        section = next((name for name in SECTIONS if key.startswith(name)), None)
        if section and mark:
            found[section][key.removeprefix(section)] = _unquote(quoted)
    return {key: value for section in SECTIONS for key, value in found[section].items()}


def from_environment(environment: dict[str, str]) -> dict[str, str]:
    """Take the PIP_* variables alone, where the interpreter has no pip."""
    names = {key: "PIP_" + key.upper().replace("-", "_") for key in FALLBACK}
    return {key: environment[name] for key, name in names.items() if environment.get(name)}


def configure(merged: dict[str, str], default: str) -> PipConfig:
    """Make a configuration of merged settings; `default` is the index when none is set."""
    index = merged.get("index-url", default)
    indexes = [index, *merged.get("extra-index-url", "").split()]
    no_index = merged.get("no-index", "").lower() in YES
    known = dict.fromkeys(item.rstrip("/") for item in indexes if item)
    return PipConfig(
        indexes=[] if no_index else list(known),
        no_index=no_index,
        find_links=[_absolute(item) for item in merged.get("find-links", "").split()],
        trusted=merged.get("trusted-host", "").split(),
        cert=merged.get("cert", ""),
        proxy=merged.get("proxy", ""),
    )


def default_index() -> str:
    """Ask pip, else pypi-simple, which index it uses when nobody configured one."""
    try:
        from pip._internal.models.index import PyPI
    except ImportError:
        from pypi_simple import PYPI_SIMPLE_ENDPOINT

        return PYPI_SIMPLE_ENDPOINT
    return str(PyPI.simple_url)


def _unquote(quoted: str) -> str:
    try:
        return str(ast.literal_eval(quoted))
    except (ValueError, SyntaxError):
        return quoted


def _absolute(place: str) -> str:
    if re.match(r"[a-z][a-z0-9+.-]+://", place, re.IGNORECASE):
        return place
    return str(Path(place).expanduser().absolute())
