"""One member of a layer: its path, kind, mode, owner, size, link and capability.

As Python's tarfile.data_filter (PEP 706) it refuses names and links that leave the root; absolute
names too. Absolute symlinks are allowed: they point into the image. Capabilities are the pax
records of GNU tar's --xattrs (SCHILY.xattr.*), as Docker writes and reads them.
"""

from dataclasses import dataclass, field
from typing import Literal

from coldforge.errors import ColdforgeError

Kind = Literal["file", "dir", "symlink", "hardlink"]
CAPABILITY = "security.capability"


@dataclass(frozen=True, slots=True)
class Member:
    """A path relative to the root, without leading or trailing slash."""

    path: str
    kind: Kind
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    link: str = ""
    """Symlink: its text. Hard link: the path of an earlier member."""
    capability: bytes = field(default=b"", repr=False)
    """The security.capability attribute, the only one that Docker keeps in a layer."""

    def pax(self) -> dict[str, bytes]:
        """List the pax records this member needs beyond its name and size."""
        return {f"SCHILY.xattr.{CAPABILITY}": self.capability} if self.capability else {}


def check_name(path: str) -> None:
    """Raise ColdforgeError if a member's path could land outside the root."""
    parts = path.split("/")
    if not path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise ColdforgeError(f"unsafe member name {path!r}", "the input is damaged or hostile")


def clean_name(name: str) -> str:
    """Turn an archive's spelling (`./usr/bin/`) into a member path; '' is the root itself.

    Raise ColdforgeError on an absolute or escaping name.
    """
    if name.startswith("/"):
        raise ColdforgeError(f"unsafe member name {name!r}", "the input is damaged or hostile")
    path = "/".join(part for part in name.split("/") if part not in ("", "."))
    if path:
        check_name(path)
    return path


def check_link(path: str, target: str) -> None:
    """Raise ColdforgeError if a relative symlink at `path` climbs above the root."""
    depth = path.count("/")
    for part in target.split("/") if not target.startswith("/") else []:
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            raise ColdforgeError(
                f"symlink /{path} -> {target} points out of the image",
                "the input is damaged or hostile",
            )
