"""What a package says of its licences, in its own words."""

import msgspec


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """Names of licences that hold together; or the package that says it for this one."""

    names: list[str] = []
    see: str = ""
    """Debian: the package whose documentation folder this one's is a link to."""
