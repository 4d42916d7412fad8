"""Rewrite a built wheel so that its bytes depend only on its contents.

Members are in the order of `wheel pack`: sorted, .dist-info last.
Source: the binary distribution format (packaging.python.org), "Recommended archiver features".
"""

import zipfile
from pathlib import Path

DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold


def repack(wheel: Path, out: Path) -> None:
    """Copy `wheel` to `out`: members sorted, RECORD's folder last, fixed times and modes.

    Members are stored, not deflated: zlib's output differs from host to host.
    """
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(out, "w") as target:
        for info in sorted(source.infolist(), key=_order):
            if info.is_dir():
                continue
            fresh = zipfile.ZipInfo(info.filename, DATE)
            fresh.create_system = 3  # Unix, so that modes count
            executable = (info.external_attr >> 16) & 0o111
            fresh.external_attr = (0o100755 if executable else 0o100644) << 16
            data = source.read(info)
            if info.filename.endswith(".dist-info/RECORD"):
                data = b"\n".join(sorted(data.replace(b"\r", b"").splitlines())) + b"\n"
            target.writestr(fresh, data, zipfile.ZIP_STORED)


def _order(info: zipfile.ZipInfo) -> tuple[bool, bool, str]:
    name = info.filename
    return (".dist-info/" in name, name.endswith("/RECORD"), name)
