"""TensorRT's tarball: its version from its headers, its processor from its library.

Sources: the layout of TensorRT's tar packages; include/NvInferVersion.h of releases 8 to 11.
"""

import re
from typing import NamedTuple

from coldforge.errors import ColdforgeError
from coldforge.mirror.carried.contents import TAR, Contents
from coldforge.mirror.carried.kind import (
    CarriedFile,
    CarriedKind,
    Recognised,
    WantedFile,
    fitting,
    refusal,
    renamed,
)
from coldforge.mirror.carried.reading import damage

HEADER = "include/NvInferVersion.h"
PARTS = ("MAJOR", "MINOR", "PATCH", "BUILD")
NAME = re.compile(
    r"tensorrt-(?P<version>\d+(?:\.\d+){3})\.(?P<system>[a-z][a-z0-9-]*(?:\.\d+)?)"
    r"\.(?P<machine>x86_64|aarch64|ppc64le)(?:-gnu)?\.cuda-(?P<cuda>\d+\.\d+)"
    r"(?:\.[a-z0-9.]+?)?\.(?:tar\.gz|tar\.xz|tar|tgz|zip)",
    re.IGNORECASE,
)
TOP = re.compile(r"TensorRT-(\d+(?:\.\d+){3})")
LIBRARY = re.compile(r".*/libnvinfer\.so\.[0-9.]+")
# Before release 10 a wheel's version says which CUDA it is for: tensorrt-9.1.0.post12.dev4-…
BINDING = re.compile(r".*/python/tensorrt-[^/-]*\.post(\d+)\.[^/-]*-[^/]*\.whl")
DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(\w+)", re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


class Name(NamedTuple):
    """What the publisher's file name says."""

    version: str
    system: str
    machine: str
    cuda: str


def parse_name(name: str) -> Name | None:
    """Read a file name; None if it is not one of TensorRT's."""
    match = NAME.fullmatch(name)
    return Name(*(match[group].lower() for group in Name._fields)) if match else None


def parse_header(text: str) -> str:
    """Read the version, `major.minor.patch.build`, that NvInferVersion.h defines; "" if none.

    From release 10 on the macros are defined by others of the same file.
    """
    # A comment's place is a blank, as in C: it may stand between a macro and its value.
    defines = dict(DEFINE.findall(COMMENT.sub(" ", text)))
    numbers = []
    for part in PARTS:
        value = defines.get(f"NV_TENSORRT_{part}", "")
        for _ in range(len(defines)):
            value = defines.get(value, value)
        numbers.append(value)
    return ".".join(numbers) if all(re.fullmatch(r"[0-9]+", number) for number in numbers) else ""


def _version(carried: CarriedFile, facts: Contents) -> str:
    """Give the version on which folder and header agree."""
    hint = "take the tar package from its publisher, unchanged"
    match = TOP.fullmatch(facts.tops[0]) if len(facts.tops) == 1 else None
    if not match:
        some = ", ".join(facts.tops[:3]) or "nothing"
        message = f"{carried.name} is not TensorRT's tarball: at its top is {some}"
        raise ColdforgeError(message, hint)
    header = next((data for path, data in facts.kept.items() if path.endswith(HEADER)), None)
    if header is None:
        raise ColdforgeError(f"{carried.name} is not TensorRT's tarball: it has no {HEADER}", hint)
    version = parse_header(header.decode("utf-8", "replace"))
    if version != match[1]:
        named = version or "nothing"
        message = (
            f"{carried.name} was tampered with: its folder says {match[1]}, {HEADER} says {named}"
        )
        raise ColdforgeError(message, hint)
    return version


def _check_machine(
    carried: CarriedFile, facts: Contents, named: Name | None, want: WantedFile
) -> None:
    libraries = [path for path in facts.kept if LIBRARY.fullmatch(path)]
    if not libraries:
        raise damage(carried.name, "holds no libnvinfer")
    machines = facts.of(libraries)
    if machines != {want.machine}:
        found = " and ".join(sorted(machines)) or "no processor: they are not ELF files"
        raise refusal(carried.name, f"is for {found}; stack {want.stack} is {want.machine}", want)
    if named and (named.machine != want.machine or named.system.startswith("windows")):
        what = f"was renamed: inside are libraries for {want.machine} Linux"
        raise refusal(carried.name, what, want)


def _check_cuda(
    carried: CarriedFile, facts: Contents, named: Name | None, want: WantedFile
) -> tuple[str, ...]:
    """Refuse another CUDA; note it if nothing but the asked-for name says which one it is."""
    asked = parse_name(want.about.file.format(version=want.about.versions[0]))
    if asked is None:
        return ()
    if named and named.cuda != asked.cuda:
        what = f"is for CUDA {named.cuda}; stack {want.stack} takes {asked.cuda}"
        raise refusal(carried.name, what, want)
    majors = {match[1] for name in facts.names if (match := BINDING.fullmatch(name))}
    major = asked.cuda.partition(".")[0]
    if majors and majors != {major}:
        found = " and ".join(sorted(majors))
        what = f"holds Python packages for CUDA {found}; stack {want.stack} takes {asked.cuda}"
        raise refusal(carried.name, what, want)
    if named or majors:
        return ()
    return (f"taken for one of CUDA {asked.cuda}: nothing inside says which it is for",)


class TensorRTKind(CarriedKind):
    """TensorRT's tar package."""

    format = TAR

    def claims(self, carried: CarriedFile, want: WantedFile) -> bool:
        """Tell whether a file says it is TensorRT, by name or by what is inside."""
        inside = isinstance(carried.facts, Contents) and any(map(TOP.fullmatch, carried.facts.tops))
        return inside or parse_name(carried.name) is not None

    def identify(self, carried: CarriedFile, want: WantedFile) -> Recognised:
        """Tell which TensorRT a file is; raise ColdforgeError if it is not the wanted one."""
        if not isinstance(carried.facts, Contents):
            raise refusal(carried.name, "is named like TensorRT but is not a tar", want)
        version = _version(carried, carried.facts)
        named = parse_name(carried.name)
        if named and named.version != version:
            raise refusal(carried.name, f"was renamed: inside is TensorRT {version}", want)
        _check_machine(carried, carried.facts, named, want)
        file = fitting(carried.name, version, want, "TensorRT")
        sure = _check_cuda(carried, carried.facts, named, want)
        return Recognised(want.name, version, file, renamed(carried.name, file) + sure)


KIND = TensorRTKind()
