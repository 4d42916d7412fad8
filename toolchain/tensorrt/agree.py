"""Whether TensorRT's headers, library, Python package and the lock agree on its version.

python3 agree.py compile|run [ROOT]: `run` wants nothing to compile with, `compile` the headers.
Source: the System V ABI's gABI, program header and dynamic section.
"""

import importlib.metadata
import mmap
import os
import re
import struct
import sys
from pathlib import Path

LOAD, DYNAMIC = 1, 2
STRTAB, SONAME = 5, 14
PARTS = ("MAJOR", "MINOR", "PATCH", "BUILD")


def main(kind: str, root: Path) -> None:
    """Raise AssertionError, saying what, on the first that disagrees."""
    version = os.environ["COLDFORGE_TENSORRT_VERSION"]
    numbers = version.split(".")
    short = ".".join(numbers[:3])
    home = (root / "usr/local/tensorrt").resolve()
    same(home.name, f"TensorRT-{version}", "/usr/local/tensorrt leads to another folder")
    library = (home / "lib" / f"libnvinfer.so.{numbers[0]}").resolve()
    same(library.name, f"libnvinfer.so.{short}", "the library is not the locked version's")
    same(soname(library), f"libnvinfer.so.{numbers[0]}", f"{library.name} has another SONAME")
    if kind == "compile":
        header = (home / "include" / "NvInferVersion.h").read_text("utf-8")
        same(defined(header), version, "NvInferVersion.h is not the locked version's")
    else:
        extra = [path.name for path in home.rglob("*") if path.suffix in {".h", ".a", ".so"}]
        same(extra, [], "an image to run with holds what only compilers want")
    if root == Path("/"):
        package = importlib.metadata.version("tensorrt")
        same(package[: len(short)], short, "the Python package is not the locked version's")
    print(f"TensorRT {version}: {library}")  # noqa: T201 - the log of the check


def same(found: object, wanted: object, what: str) -> None:
    """Compare, saying what differs."""
    if found != wanted:
        raise AssertionError(f"{what}: {found}, not {wanted}")


def defined(header: str) -> str:
    """Read the version that the macros define, by way of others or not."""
    macros = dict(re.findall(r"^#define\s+(\w+)\s+(\w+)", header, re.MULTILINE))
    values = [macros[f"NV_TENSORRT_{part}"] for part in PARTS]
    return ".".join(macros.get(value, value) for value in values)


def soname(library: Path) -> str:
    """Read the name a 64-bit library is loaded by."""
    with library.open("rb") as stream:
        data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    parts = [struct.unpack_from("<IIQQQQ", data, start + size * at) for at in range(count)]
    dynamic = next(data[at : at + length] for kind, _, at, _, _, length in parts if kind == DYNAMIC)
    tags = dict(struct.iter_unpack("<QQ", dynamic[: len(dynamic) // 16 * 16]))
    for kind, _, at, address, _, length in parts:
        if kind == LOAD and address <= tags[STRTAB] < address + length:
            name = tags[STRTAB] - address + at + tags[SONAME]
            return data[name : data.find(b"\0", name)].decode()
    raise AssertionError(f"{library} has no names")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else "/"))
