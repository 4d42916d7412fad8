"""Write small ELF files: a dynamic section, its strings and its versions, nothing else."""

import struct
from collections.abc import Mapping, Sequence


def elf_of(
    soname: str = "",
    needed: Sequence[str] = (),
    runpath: str = "",
    rpath: str = "",
    needs: Mapping[str, Sequence[str]] | None = None,
    defines: Sequence[str] = (),
) -> bytes:
    """Lay a shared library out: header, two segments, strings, versions, dynamic section."""
    strings = _Strings()
    base = 0x1000  # addresses are not offsets
    tags: list[tuple[int, int]] = [(1, strings.add(name)) for name in needed]
    tags += [(14, strings.add(soname))] if soname else []
    tags += [(29, strings.add(runpath))] if runpath else []
    tags += [(15, strings.add(rpath))] if rpath else []
    wanted = _needs(strings, needs or {})
    offered = _defines(strings, defines)
    start = 64 + 2 * 56
    at_needs = start + len(strings.data)
    at_defines = at_needs + len(wanted)
    at_dynamic = at_defines + len(offered)
    tags += [(5, base + start), (10, len(strings.data))]
    tags += [(0x6FFFFFFE, base + at_needs), (0x6FFFFFFF, len(needs or {}))] if needs else []
    tags += [(0x6FFFFFFC, base + at_defines), (0x6FFFFFFD, len(defines))] if defines else []
    dynamic = b"".join(struct.pack("<qQ", *tag) for tag in [*tags, (0, 0)])
    size = at_dynamic + len(dynamic)
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 4096)
    found = (at_dynamic, base + at_dynamic, base + at_dynamic, len(dynamic), len(dynamic), 8)
    return (
        header
        + load
        + struct.pack("<IIQQQQQQ", 2, 6, *found)
        + strings.data
        + wanted
        + offered
        + dynamic
    )


class _Strings:
    def __init__(self) -> None:
        self.data = b"\0"

    def add(self, text: str) -> int:
        at = len(self.data)
        self.data += text.encode() + b"\0"
        return at


def _needs(strings: _Strings, needs: Mapping[str, Sequence[str]]) -> bytes:
    parts = []
    for number, (file, versions) in enumerate(needs.items(), 1):
        size = 16 + 16 * len(versions)
        following = size if number < len(needs) else 0
        parts.append(struct.pack("<HHIII", 1, len(versions), strings.add(file), 16, following))
        for place, version in enumerate(versions, 1):
            step = 16 if place < len(versions) else 0
            parts.append(struct.pack("<IHHII", 0, 0, 2, strings.add(version), step))
    return b"".join(parts)


def _defines(strings: _Strings, defines: Sequence[str]) -> bytes:
    parts = []
    for number, version in enumerate(defines, 1):
        following = 28 if number < len(defines) else 0
        parts.append(struct.pack("<HHHHIII", 1, 0, number, 1, 0, 20, following))
        parts.append(struct.pack("<II", strings.add(version), 0))
    return b"".join(parts)
