"""Forges: where `github:owner/name` is. The user's url.<base>.insteadOf applies to the answer."""

import re
from typing import NamedTuple

from coldforge.errors import ColdforgeError

BASES = {"github": "https://github.com/"}
REPOSITORY = re.compile(r"(?P<forge>[a-z]+):(?P<name>[A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*)")
COMMIT = re.compile(r"[0-9a-f]{40}")


class Commit(NamedTuple):
    """One commit of a repository on a forge."""

    repository: str
    """`github:owner/name`."""
    hex: str

    def __str__(self) -> str:
        """Write it as locks and profiles do."""
        return f"{self.repository}@{self.hex}"

    @property
    def url(self) -> str:
        """Expand the forge's shorthand."""
        forge, _, name = self.repository.partition(":")
        return f"{BASES[forge]}{name.removesuffix('.git')}.git"

    @property
    def folder(self) -> str:
        """Name the repository as a single path part."""
        return self.repository.replace(":", "+").replace("/", "+")


def on_forge(repository: str) -> bool:
    """Tell a repository on a forge from a folder of the checkout."""
    return ":" in repository


def parse_commit(text: str) -> Commit:
    """Read `github:owner/name@<40 hex>`; raise ColdforgeError."""
    repository, _, hexa = text.partition("@")
    match = REPOSITORY.fullmatch(repository)
    if not match or match["forge"] not in BASES:
        known = " or ".join(f"{forge}:owner/name" for forge in BASES)
        raise ColdforgeError(f"'{repository}' is not a repository", f"write it as {known}")
    if not COMMIT.fullmatch(hexa):
        message = f"'{hexa}' of {repository} is not a commit"
        raise ColdforgeError(message, "write all 40 hexadecimal digits: a tag can move")
    return Commit(repository, hexa)


def commit_in(path: str) -> Commit:
    """Read the commit at the front of `github:owner/name@<hex>/<path>`; raise ColdforgeError."""
    repository, _, rest = path.partition("@")
    return parse_commit(f"{repository}@{rest.partition('/')[0]}")
