"""A tool small enough for tests, as a bundle carries it, and a bundle around it."""

import io
import lzma
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coldforge.bundle.format.index import Index, Tool
from tests.bundle.bundles import bundle, make_item, random_bytes

LOADER = "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
# Stands in for the loader: it is asked to start a Python, and does nothing, rightly.
STARTS = b"#!/bin/sh\nexit 0\n"
INVOKEW = b'#!/bin/sh\nprintf "ran %s" "$0"\nfor word; do printf " <%s>" "$word"; done\necho\n'
Members = Mapping[str, bytes | str | tarfile.TarInfo]


def tar(members: Members) -> bytes:
    """A tar: bytes are files (executable if a script), text is a symlink's target."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size, info.mode = len(content), 0o755 if content[:2] == b"#!" else 0o600
                archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def deb(members: Members, packing: str = "xz") -> bytes:
    """A Debian package of nothing but its payload."""
    data = tar(members)
    data = lzma.compress(data) if packing == "xz" else data
    tool_parts = {"debian-binary": b"2.0\n", f"data.tar{'.' * bool(packing)}{packing}": data}
    made = b"!<arch>\n"
    for name, content in tool_parts.items():
        made += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        made += content + b"\n" * (len(content) % 2)
    return made


def wheel(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tool_parts(size: int = 0) -> dict[str, bytes]:
    """The tool's parts; `size` bytes of padding make them spread over shards."""
    runtime = {
        f"./{LOADER}": STARTS,
        "lib64/ld-linux-x86-64.so.2": f"/{LOADER}",
        "usr/bin/python3.11": STARTS,
        "usr/lib/python3.11/sitecustomize.py": "/etc/python3.11/sitecustomize.py",
        "usr/share/padding": random_bytes("runtime", size),
    }
    return {
        "runtime": deb(runtime),
        "wheel": wheel({"invoke/__init__.py": b"", "padding": random_bytes("wheel", size)}),
        "project": tar({"invokew": INVOKEW, "src/x.py": b"x", "offline-mirror/a.lock": b""}),
    }


def bundle_with_tool(out: Path, folder: Path, size: int = 0, **other: Any) -> Index:
    """Pack a bundle signed by `sender` that carries the tool, and some other item after it."""
    made = {name: make_item(folder, name, data) for name, data in tool_parts(size).items()}
    tool = Tool(
        version="0",
        revision="0",
        python="3.11",
        runtime=[made["runtime"].sha256],
        wheels={made["wheel"].sha256: "invoke-1-py3-none-any.whl"},
        project=made["project"].sha256,
    )
    items = [*made.values(), make_item(folder, "other", random_bytes("other", 1000 + size))]
    return bundle(out, items, tool=tool, **other)
