"""Tars as layers are, made by Python."""

import io
import tarfile


def tar(members: dict[str, bytes]) -> bytes:
    """A tar of files: path -> content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()
