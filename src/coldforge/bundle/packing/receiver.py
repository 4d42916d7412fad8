"""`receive`: some lines of shell, then a zip of the room that runs before anything is installed."""

import contextlib
import io
import zipfile
from pathlib import Path

from coldforge import bootstrap, errors, files
from coldforge.files import atomic, lock
from coldforge.files.atomic import write_file

BESIDE_MODULES = (atomic, errors, lock)
"""What the bootstrap imports besides itself: standard library alone, Python 3.9, like it."""
DATE = (1980, 1, 1, 0, 0, 0)  # the first a zip can tell
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
    """Write a bundle's `receive`: sh and Python 3.9 run it; equal sources give equal bytes."""
    write_file(path, receive())
    with contextlib.suppress(OSError):
        path.chmod(0o755)  # A stick's file system may have no modes, and sh needs none.


def receive() -> bytes:
    """Make the file. Members are stored as they are: who wants to know can read them."""
    rooms = sorted(path for path in _folder(bootstrap.__file__).iterdir() if path.is_file())
    held = {f"coldforge/bootstrap/{path.name}": path.read_text("utf-8") for path in rooms}
    for module in BESIDE_MODULES:
        name = module.__name__.replace(".", "/")
        held[f"{name}.py"] = Path(str(module.__file__)).read_text("utf-8")
    for package in ("coldforge", files.__name__.replace(".", "/")):
        held[f"{package}/__init__.py"] = ""
    held["__main__.py"] = MAIN
    out = io.BytesIO()
    out.write(held["coldforge/bootstrap/receive.sh"].encode())
    with zipfile.ZipFile(out, "a", zipfile.ZIP_STORED) as archive:
        for name, text in sorted(held.items()):
            info = zipfile.ZipInfo(name, DATE)
            info.external_attr = 0o644 << 16
            info.create_system = 3
            archive.writestr(info, text)
    return out.getvalue()


def _folder(module: str | None) -> Path:
    return Path(str(module)).parent
