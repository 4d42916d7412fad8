"""Build `receive`: some lines of shell, then a zip of the bootstrap package."""

import contextlib
import io
import zipfile
from pathlib import Path

from coldforge import bootstrap, errors, files
from coldforge.files import atomic, lock
from coldforge.files.atomic import write_file

BESIDE_MODULES = (atomic, errors, lock)
"""Modules that the bootstrap imports; they too run on Python 3.9 without packages."""
DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can store
MAIN = '''\
"""Start the receiver; argv[0] is the file that holds this zip."""

import sys
from pathlib import Path

if sys.version_info < (3, 9):
    sys.exit("error: this Python is too old\\n hint: start it with sh, or with Python 3.9 or newer")

from coldforge.bootstrap.__main__ import main

sys.exit(main(sys.argv[1:], (Path.cwd() / sys.argv[0]).parent))
'''


def write_receive(path: Path) -> None:
    """Write a bundle's `receive`, for sh and Python 3.9; equal sources give equal bytes."""
    write_file(path, receive())
    with contextlib.suppress(OSError):
        path.chmod(0o755)  # FAT has no modes, and sh needs none


def receive() -> bytes:
    """Build the file; members are uncompressed, so that people can read them."""
    sources = sorted(path for path in _folder(bootstrap.__file__).iterdir() if path.is_file())
    members = {f"coldforge/bootstrap/{path.name}": path.read_text("utf-8") for path in sources}
    for module in BESIDE_MODULES:
        name = module.__name__.replace(".", "/")
        members[f"{name}.py"] = Path(str(module.__file__)).read_text("utf-8")
    for package in ("coldforge", files.__name__.replace(".", "/")):
        members[f"{package}/__init__.py"] = ""
    members["__main__.py"] = MAIN
    out = io.BytesIO()
    out.write(members["coldforge/bootstrap/receive.sh"].encode())
    with zipfile.ZipFile(out, "a", zipfile.ZIP_STORED) as archive:
        for name, text in sorted(members.items()):
            info = zipfile.ZipInfo(name, DATE)
            info.external_attr = 0o644 << 16
            info.create_system = 3
            archive.writestr(info, text)
    return out.getvalue()


def _folder(module: str | None) -> Path:
    return Path(str(module)).parent
