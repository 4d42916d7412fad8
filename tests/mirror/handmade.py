"""Hand-carried files made up for tests: a few hundred bytes with the real ones' layout."""

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from coldforge.paths import Workspace
from coldforge.stack.lock import Lock, write_lock
from coldforge.stack.stack import read_stack

X86, ARM = 0x3E, 0xB7
VERSION = "9.0.1.4"
NAME = "TensorRT-{version}.Linux.x86_64-gnu.cuda-12.2.tar.gz"
SKIP = 5  # lines of a runfile's script

PROFILE = f"""\
summary = "A release"
repository = "github:example/engine"
commit = "{"0" * 40}"
versions = {{ cuda = "12.2" }}
[build]
command = ["true"]
[carried.tensorrt]
kind = "tensorrt"
file = "{NAME}"
versions = ["9.0.1.4", "9.1.0.4"]
purpose = "TensorRT: headers and libraries that the wheel is compiled against"
publisher = "the publisher's site, for members"
[carried.cuda]
kind = "runfile"
file = "cuda_{{version}}_linux.run"
versions = ["12.2.2_535.104.05"]
purpose = "the toolkit"
publisher = "the publisher's archive of releases"
[carried.polygraphy]
kind = "wheel"
file = "polygraphy-{{version}}-py2.py3-none-any.whl"
versions = ["0.48.1"]
purpose = "looks into engines"
publisher = "the publisher's own index"
[carried.cudnn]
kind = "archive"
file = "cudnn-linux-x86_64-{{version}}_cuda12-archive.tar.xz"
versions = ["8.9.7.29"]
purpose = "convolutions"
publisher = "the publisher's site, for members"
"""
STACK = """\
summary = "{name}"
epoch = 0
layers = ["{layer}"]
release = "engine"
{builder}
[python]
version = "3.11"
platform = "x86_64-manylinux_2_36"
"""
LAYER = 'summary = ""\n[inputs]\ncarried = [{carried}]\n'
CARRIED = ("cuda", "cudnn", "polygraphy", "tensorrt")


def elf(machine: int = X86, more: bytes = b"") -> bytes:
    """Give the start of a shared library for a processor."""
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + (3).to_bytes(2, "little")
    return head + machine.to_bytes(2, "little") + bytes(44) + more


def header(version: str = VERSION) -> bytes:
    """Write NvInferVersion.h as releases before 10 do."""
    parts = zip(("MAJOR", "MINOR", "PATCH", "BUILD"), version.split("."), strict=True)
    return "\n".join(
        f"#define NV_TENSORRT_{name} {number} //!< {name}" for name, number in parts
    ).encode()


def tree(version: str = VERSION, machine: int = X86, says: str = "") -> dict[str, bytes | str]:
    """Lay out a TensorRT; `says`: the version of its header, if another."""
    top, short = f"TensorRT-{version}", ".".join(version.split(".")[:3])
    lib = f"{top}/targets/x86_64-linux-gnu/lib"
    return {
        f"{top}/include/NvInferVersion.h": header(says or version),
        f"{top}/lib": "targets/x86_64-linux-gnu/lib",
        f"{lib}/libnvinfer.so": "libnvinfer.so.9",
        f"{lib}/libnvinfer.so.9": f"libnvinfer.so.{short}",
        f"{lib}/libnvinfer.so.{short}": elf(machine),
        f"{lib}/libnvinfer_static.a": b"!<arch>\n",
        f"{lib}/stubs/libnvinfer.so": elf(ARM),
        f"{top}/python/tensorrt-{short}.post12.dev4-cp311-none-linux_x86_64.whl": b"a wheel",
    }


def tar(files: dict[str, bytes | str]) -> bytes:
    """Tar files (bytes) and symlinks (text)."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def packed(path: Path, files: dict[str, bytes | str]) -> Path:
    """Write a .tar.gz."""
    path.write_bytes(gzip.compress(tar(files), mtime=0))
    return path


def tensorrt(folder: Path, version: str = VERSION, name: str = "", **given: object) -> Path:
    """Pack a TensorRT under its own name, or another."""
    path = folder / (name or NAME.format(version=version))
    return packed(path, tree(version, **given))  # type: ignore[arg-type]


def runfile(
    folder: Path,
    name: str = "cuda_12.2.2_535.104.05_linux.run",
    machine: int = X86,
    version: str = "12.2.2",
) -> Path:
    """Write a makeself installer."""
    inside = {"./builds/version.json": f'{{"cuda": {{"version": "{version}"}}}}'.encode()}
    payload = tar({**inside, "./builds/lib64/libcudart.so.12": elf(machine)})
    return made_runfile(folder / name, payload)


def made_runfile(path: Path, payload: bytes, md5: str = "") -> Path:
    """Put makeself's script before an archive."""
    digest = md5 or hashlib.md5(payload, usedforsecurity=False).hexdigest()
    lines = [
        "#!/bin/sh",
        "# This script was generated using Makeself 2.1.4",
        f'MD5="{digest}"',
        f'filesizes="{len(payload)}"',
        f'offset=`head -n {SKIP} "$0" | wc -c`',
    ]
    path.write_bytes("".join(f"{line}\n" for line in lines).encode() + payload)
    return path


def wheel(
    folder: Path,
    version: str = "0.48.1",
    name: str = "",
    package: str = "polygraphy",
    tags: Iterable[str] = ("py2-none-any", "py3-none-any"),
) -> Path:
    """Zip a wheel."""
    path = folder / (name or f"{package}-{version}-py2.py3-none-any.whl")
    info = f"{package}-{version}.dist-info"
    lines = "".join(f"Tag: {tag}\n" for tag in tags)
    files = {
        f"{package}/__init__.py": "x = 1\n" * 100,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n\nWords",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n{lines}",
    }
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in files.items():
            archive.writestr(member, text)
    return path


def checkout(space: Workspace, carried: Iterable[str] = CARRIED) -> Workspace:
    """Make stack `top`, which asks for `carried`, and its builder `shop`: that wants TensorRT."""
    layers = {"libraries": list(carried), "compiler": ["tensorrt"]}
    for layer, names in layers.items():
        (space.layers / layer).mkdir(parents=True, exist_ok=True)
        text = LAYER.format(carried=", ".join(f'"{name}"' for name in names))
        (space.layers / layer / "layer.toml").write_text(text, "utf-8")
    space.releases.mkdir(exist_ok=True)
    (space.releases / "engine.toml").write_text(PROFILE, "utf-8")
    stacks = {"top": ("libraries", 'builder = "shop"'), "shop": ("compiler", "")}
    for name, (layer, builder) in stacks.items():
        text = STACK.format(name=name, layer=layer, builder=builder)
        (space.stacks / f"{name}.toml").write_text(text, "utf-8")
    for name in stacks:
        requests = read_stack(space, name).requests()
        write_lock(space.lock(name), Lock(1, name, requests, [], []))
    return space
