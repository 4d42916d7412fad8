"""What an image itself says is installed in it: dpkg's own list, and Python's.

Sources: dpkg(1), /var/lib/dpkg/status; recording installed projects (packaging.python.org).
"""

import re
import tarfile
from email.parser import BytesHeaderParser
from typing import IO, NamedTuple

from coldforge.errors import ColdforgeError
from coldforge.image.oci.layout import Layout

STATUS = "var/lib/dpkg/status"
INSTALLED = re.compile(r".*/(?:dist|site)-packages/[^/]+\.dist-info/METADATA")

Package = tuple[str, str]


class Inventory(NamedTuple):
    """Names and versions of what is installed."""

    debs: set[Package]
    wheels: set[Package]


def inventory(layout: Layout, layers: list[str]) -> Inventory:
    """Read the package lists of an image of `layers` (digests, from the bottom up).

    The uppermost list of dpkg counts. Raise ColdforgeError if a layer is not there or no tar.
    """
    found = Inventory(set(), set())
    for digest in layers:
        try:
            with tarfile.open(layout.blob(digest), mode="r:") as archive:
                for info in archive:
                    if info.name == STATUS:
                        found = found._replace(debs=_debs(archive.extractfile(info)))
                    elif INSTALLED.fullmatch(info.name):
                        found.wheels.add(_wheel(archive.extractfile(info)))
        except (OSError, tarfile.TarError) as error:
            raise ColdforgeError(f"layer {digest} cannot be read: {error}") from error
    return found


def _debs(content: IO[bytes] | None) -> set[Package]:
    text = content.read().decode("utf-8", "replace") if content else ""
    paragraphs = [dict(re.findall(r"^(\S+): (.*)$", part, re.M)) for part in text.split("\n\n")]
    return {
        (fields["Package"], fields.get("Version", ""))
        for fields in paragraphs
        if fields.get("Status", "").endswith(" installed") and "Package" in fields
    }


def _wheel(content: IO[bytes] | None) -> Package:
    fields = BytesHeaderParser().parsebytes(content.read() if content else b"")
    name = re.sub(r"[-_.]+", "-", str(fields.get("Name", ""))).lower()
    return name, str(fields.get("Version", ""))
