"""Which wheel suits the image's interpreter and platform best."""

import re
from collections.abc import Iterable

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from coldforge.errors import ColdforgeError
from coldforge.stack.stack import Python

PLATFORM = re.compile(r"(?P<arch>x86_64|aarch64)-manylinux_2_(?P<minor>\d+)")
LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
OLDEST = {"x86_64": 5, "aarch64": 17}  # first glibc 2.x of each architecture's manylinux


def supported(python: Python) -> dict[Tag, int]:
    """Rank every tag the image's interpreter takes; 0 is the best."""
    version = _version(python)
    interpreter = f"cp{version[0]}{version[1]}"
    platforms = list(_platforms(python))
    tags = [
        *cpython_tags(version, abis=[interpreter], platforms=platforms),
        *compatible_tags(version, interpreter=interpreter, platforms=platforms),
    ]
    return {tag: rank for rank, tag in reversed(list(enumerate(tags)))}


def best_wheel(names: Iterable[str], tags: dict[Tag, int]) -> str | None:
    """Name the wheel that suits best: by tag, then the highest build number; None if none does."""
    ranked = [(rank, name) for name in names if (rank := _rank(name, tags)) is not None]
    return min(ranked)[1] if ranked else None


def markers(python: Python) -> dict[str, str]:
    """Describe the image for environment markers (PEP 508)."""
    version = python.version if python.version.count(".") > 1 else f"{python.version}.0"
    return {
        "implementation_name": "cpython",
        "implementation_version": version,
        "os_name": "posix",
        "platform_machine": _split(python)[0],
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": version,
        "python_version": ".".join(map(str, _version(python))),
        "sys_platform": "linux",
    }


def _rank(name: str, tags: dict[Tag, int]) -> tuple[int, tuple[int, str]] | None:
    try:
        _, _, build, offered = parse_wheel_filename(name)
    except InvalidWheelFilename:
        return None
    ranks = [tags[tag] for tag in offered if tag in tags]
    number, suffix = build or (0, "")
    return (min(ranks), (-number, suffix)) if ranks else None


def _platforms(python: Python) -> Iterable[str]:
    arch, newest = _split(python)
    for minor in range(newest, OLDEST[arch] - 1, -1):
        yield f"manylinux_2_{minor}_{arch}"
        if minor in LEGACY:
            yield f"{LEGACY[minor]}_{arch}"
    yield f"linux_{arch}"


def _split(python: Python) -> tuple[str, int]:
    match = PLATFORM.fullmatch(python.platform)
    if not match:
        hint = "write it as x86_64-manylinux_2_<minor of the image's glibc>"
        raise ColdforgeError(f"unknown Python platform '{python.platform}'", hint)
    return match["arch"], int(match["minor"])


def _version(python: Python) -> tuple[int, int]:
    match = re.match(r"3\.(\d+)(\.\d+)?$", python.version)
    if not match:
        raise ColdforgeError(f"unknown Python version '{python.version}'", "write it as 3.11")
    return 3, int(match[1])
