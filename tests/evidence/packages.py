"""Packages made by hand: a .deb, a wheel, an sdist."""

import io
import lzma
import tarfile
import zipfile

WHEN = (2020, 2, 2, 2, 2, 2)


def tar(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, target in (links or {}).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def deb(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    whole = b"!<arch>\n"
    data = lzma.compress(tar(files, links))
    for name, part in {"debian-binary": b"2.0\n", "data.tar.xz": data}.items():
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(part):<10}`\n"
        whole += header.encode() + part + b"\n" * (len(part) % 2)
    return whole


def core(name: str, version: str, fields: str = "") -> bytes:
    """Core metadata: METADATA of a wheel, PKG-INFO of an sdist."""
    return f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{fields}\n".encode()


def wheel(
    name: str, version: str, fields: str = "", files: dict[str, bytes] | None = None
) -> bytes:
    info = f"{name}-{version}.dist-info"
    content = {
        **(files or {}),
        f"{info}/METADATA": core(name, version, fields),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = "".join(f"{path},,\n" for path in [*content, f"{info}/RECORD"])
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for path, data in {**content, f"{info}/RECORD": lines}.items():
            archive.writestr(zipfile.ZipInfo(path, WHEN), data)
    return sink.getvalue()


def sdist(name: str, version: str, fields: str = "") -> bytes:
    import gzip

    return gzip.compress(tar({f"{name}-{version}/PKG-INFO": core(name, version, fields)}), mtime=0)
