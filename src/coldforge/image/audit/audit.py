"""Audit a compiled wheel: its device code, and whether its image can load it."""

import re
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import msgspec

from coldforge.image.audit.elf import Elf

# Part of the host's driver; the NVIDIA Container Toolkit mounts them into a container.
DRIVER = ("libcuda.so.1", "libnvidia-ml.so.1")
FAMILIES = ("GLIBC", "GLIBCXX", "CXXABI")
VERSION = re.compile(r"([A-Z]+)_([0-9]+(?:\.[0-9]+)*)")


class DeviceCode(msgspec.Struct, frozen=True):
    """Device code of a binary: architectures as sm_80."""

    elf: list[str] = []
    ptx: list[str] = []


class AuditedLibrary(msgspec.Struct, frozen=True):
    """A shared library of a wheel: what it needs, and its faults."""

    file: str
    device: DeviceCode
    symbols: dict[str, str]
    """Highest version needed: GLIBC -> 2.34."""
    search: list[str]
    libraries: dict[str, str]
    """Library needed -> where the image has it."""
    faults: list[str] = []
    notes: list[str] = []


class Audit(msgspec.Struct, frozen=True):
    """The requested architectures of a wheel, its binaries and their faults."""

    wheel: str
    sha256: str
    architectures: list[str]
    binaries: list[AuditedLibrary]
    faults: list[str] = []
    """Each names the file."""


class ImageLibraries(Protocol):
    """The libraries of the image a wheel is for."""

    def find(self, name: str, search: list[str]) -> str:
        """Find a library; "" for none."""

    def packaged(self, name: str) -> str:
        """Find a library in a Python package; "" for none."""

    def has(self, folder: str) -> bool:
        """Tell whether a folder is there."""

    def elf(self, place: str) -> Elf:
        """Read a library found."""


class WheelLibraries(NamedTuple):
    """A wheel's shared libraries as they lie in the image: path -> content, device code."""

    root: str
    """Folder they are installed in, without leading slash."""
    elves: Mapping[str, Elf]
    device: Mapping[str, DeviceCode]


def audit_binaries(
    wheel: WheelLibraries, asked: list[str], image: ImageLibraries
) -> list[AuditedLibrary]:
    """Audit every library of a wheel; `asked`: architectures as CMake names them, 80-real."""
    return [
        _binary(wheel, file, wheel.device.get(file, DeviceCode()), asked, image)
        for file in sorted(wheel.elves)
    ]


def expected(asked: list[str]) -> DeviceCode:
    """Tell which machine code and which PTX the architectures stand for."""
    real = [name for name in asked if not name.endswith("-virtual")]
    virtual = [name for name in asked if not name.endswith("-real")]
    return DeviceCode(
        *(sorted({f"sm_{name.split('-')[0]}" for name in k}) for k in (real, virtual))
    )


def highest(needs: Mapping[str, list[str]]) -> dict[str, str]:
    """Find the highest version of each family of symbols."""
    found: dict[str, str] = {}
    for name in (name for names in needs.values() for name in names):
        match = VERSION.fullmatch(name)
        if match and match[1] in FAMILIES:
            found[match[1]] = max(found.get(match[1], "0"), match[2], key=_numbers)
    return dict(sorted(found.items()))


def device_code_faults(held: DeviceCode, asked: list[str]) -> list[str]:
    """List how device code differs from what was requested; a file without any is fine."""
    wanted = expected(asked)
    faults = []
    for kind, have, want in (
        ("machine code", held.elf, wanted.elf),
        ("PTX", held.ptx, wanted.ptx),
    ):
        if held != DeviceCode() and have != want:
            said = f"holds {kind} for {_list(have)}, not for {_list(want)}"
            faults.append(said if want else f"holds {kind} for {_list(have)}, none was requested")
    return faults


def _binary(
    wheel: WheelLibraries, file: str, device: DeviceCode, asked: list[str], image: ImageLibraries
) -> AuditedLibrary:
    elf = wheel.elves[file]
    origin = f"{wheel.root}/{file}".rpartition("/")[0]
    search = [
        folder.replace("${ORIGIN}", f"/{origin}").replace("$ORIGIN", f"/{origin}")
        for folder in elf.search
    ]
    faults, notes, libraries = device_code_faults(device, asked), list[str](), dict[str, str]()
    for name in elf.needed:
        libraries[name] = _library(wheel, name, search, image)
        if not libraries[name]:
            faults.append(f"needs {name}, which the image does not contain")
    for name, versions in elf.needs.items():
        faults += _versions(wheel, name, versions, libraries.get(name, ""), image)
    for folder in elf.search:
        if not folder.startswith("$") and not image.has(folder):
            notes.append(f"searches {folder}, which the image does not have")
    return AuditedLibrary(file, device, highest(elf.needs), elf.search, libraries, faults, notes)


def _library(wheel: WheelLibraries, name: str, search: list[str], image: ImageLibraries) -> str:
    own = {f"{wheel.root}/{file}" for file in wheel.elves}
    for folder in search:
        if (place := _clean(f"{folder}/{name}")) in own:
            return f"/{place}"
    if found := image.find(name, search):
        return f"/{found}"
    if name in DRIVER:
        return "the host's driver"
    return image.packaged(name) and f"/{image.packaged(name)}"


def _versions(
    wheel: WheelLibraries, name: str, versions: list[str], place: str, image: ImageLibraries
) -> list[str]:
    if not place.startswith("/") or place.removeprefix(f"/{wheel.root}/") in wheel.elves:
        return []
    offered = image.elf(place.lstrip("/")).defines
    lacking = [version for version in versions if version not in offered]
    return [
        f"needs {version} of {name}; the image's {place} does not define it" for version in lacking
    ]


def _clean(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _list(names: list[str]) -> str:
    return ", ".join(names) or "none"
