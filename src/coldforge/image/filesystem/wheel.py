"""Install wheels into a layer straight from the zip: no pip, no container, no .pyc; normalise them.

The files are those that Debian's pip installs as root: packages in
/usr/local/lib/python3.X/dist-packages, scripts in /usr/local/bin with their shebang rewritten,
INSTALLER and a sorted RECORD. pypa/installer reads the wheel.

A built wheel is normalised so that its bytes depend only on its contents: members are in the order
of `wheel pack`, sorted, .dist-info last.

Sources: the binary distribution format (packaging.python.org), its "Recommended archiver features"
too; Debian's Python policy.
"""

import base64
import csv
import hashlib
import io
import tempfile
import warnings
import zipfile
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.member import Member, check_name

if TYPE_CHECKING:
    from installer.records import RecordEntry
    from installer.scripts import ScriptSection
    from installer.utils import Scheme

    from coldforge.image.filesystem.tar import LayerWriter

SPOOL = 64 << 20  # bytes of one file kept in memory
DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold


def install_wheel(wheel: Path, filename: str, writer: "LayerWriter", python: str) -> None:
    """Write wheel `filename` (its bytes at `wheel`) for a Debian Python `python` ('3.11').

    Raise ColdforgeError if it is not a sound wheel or a member's name escapes.
    """
    import installer
    from installer.sources import WheelFile

    try:
        with (
            wheel.open("rb") as stream,
            zipfile.ZipFile(stream) as archive,
            warnings.catch_warnings(),
        ):
            archive.filename = filename  # a blob's own name is its digest
            for name in archive.namelist():
                check_name(name.rstrip("/"))
            destination = LayerDestination(writer, python)
            warnings.filterwarnings("ignore", "Skip installing .*__pycache__")  # on purpose
            installer.install(WheelFile(archive), destination, {"INSTALLER": b"coldforge\n"})
    except ColdforgeError as error:
        raise ColdforgeError(f"{filename}: {error.message}", error.hint) from error
    except _damage() as error:
        why = " ".join(str(error.args[-1] if error.args else "its metadata is malformed").split())
        raise ColdforgeError(f"{filename} is not a sound wheel: {why}", "fetch it again") from error


def _damage() -> tuple[type[Exception], ...]:
    """List what zipfile and installer raise on a wheel that breaks its format."""
    from configparser import Error
    from zlib import error

    from installer.exceptions import InstallerError
    from installer.records import InvalidRecordEntry

    own = (zipfile.BadZipFile, error, EOFError, RuntimeError)
    return (*own, Error, InstallerError, InvalidRecordEntry, AssertionError, KeyError, ValueError)


class LayerDestination:
    """Installer's WheelDestination that writes layer members."""

    def __init__(self, writer: "LayerWriter", python: str) -> None:
        """Write to `writer` the way Debian lays out local packages of Python `python`."""
        packages = f"usr/local/lib/python{python}/dist-packages"
        self.writer = writer
        # By its version: an image may hold another Python too, and /usr/bin/python3 is Debian's.
        self.interpreter = f"/usr/bin/python{python}"
        self.schemes = {
            "purelib": packages,
            "platlib": packages,
            "headers": f"usr/local/include/python{python}",
            "scripts": "usr/local/bin",
            "data": "usr/local",
        }

    def write_script(
        self, name: str, module: str, attr: str, section: "ScriptSection"
    ) -> "RecordEntry":
        """Write the launcher of an entry point."""
        from installer.scripts import Script
        from installer.utils import Scheme

        path, data = Script(name, module, attr, section).generate(self.interpreter, "posix")
        return self.write_file(Scheme("scripts"), path, io.BytesIO(data), True)

    def write_file(
        self, scheme: "Scheme", path: str, stream: BinaryIO, is_executable: bool
    ) -> "RecordEntry":
        """Write one file of a scheme; return its RECORD line."""
        from installer.records import Hash, RecordEntry
        from installer.utils import fix_shebang

        with (
            fix_shebang(stream, self.interpreter)
            if scheme == "scripts"
            else nullcontext(stream) as source,
            tempfile.SpooledTemporaryFile(SPOOL) as spool,
        ):
            digest, size = _copy(source, cast("BinaryIO", spool))
            mode = 0o755 if is_executable or scheme == "scripts" else 0o644
            place = f"{self.schemes[scheme]}/{path}"
            self.writer.add(Member(place, "file", mode, size=size), cast("BinaryIO", spool))
        return RecordEntry(path, Hash("sha256", digest), size)

    def finalize_installation(
        self,
        scheme: "Scheme",
        record_file_path: str,
        records: Iterable[tuple["Scheme", "RecordEntry"]],
    ) -> None:
        """Write RECORD, sorted, with paths relative to the packages folder."""
        lines = io.StringIO()
        rows = csv.writer(lines, lineterminator="\n")
        for row in sorted(entry.to_row(self._prefix(kind, scheme)) for kind, entry in records):
            rows.writerow(row)
        data = lines.getvalue().encode()
        member = Member(f"{self.schemes[scheme]}/{record_file_path}", "file", 0o644, size=len(data))
        self.writer.add(member, io.BytesIO(data))

    def _prefix(self, kind: str, root: str) -> str | None:
        """Lead from the packages folder to that of another scheme; None if they are one."""
        if self.schemes[kind] == self.schemes[root]:
            return None
        below = self.schemes[kind].removeprefix("usr/local").strip("/")
        return "../../../" + (below + "/" if below else "")


def _copy(source: BinaryIO, sink: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while data := source.read(1 << 20):
        digest.update(data)
        size += len(data)
        sink.write(data)
    sink.seek(0)
    return base64.urlsafe_b64encode(digest.digest()).decode().rstrip("="), size


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
