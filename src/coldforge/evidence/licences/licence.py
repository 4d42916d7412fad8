"""A licence as SPDX writes it, from the names that Debian and Python packages use.

Sources: SPDX 2.3 annex D (expressions); Debian's machine-readable copyright format 1.0, 7.2;
Python's core metadata 2.4.
"""

import re
from dataclasses import dataclass, field
from functools import cache

import msgspec

NOBODY_SAYS = "NOASSERTION"
OWN = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")
SLUG = re.compile(r"[^A-Za-z0-9.]+")
COMMA = re.compile(r"\s*,\s*(and|or)\s+", re.IGNORECASE)
PLAIN = re.compile(r"\s+(and|or)\s+|\s*,\s*", re.IGNORECASE)
GNU = re.compile(r"(A?GPL|LGPL|GFDL)(-NIV)?-?v?([0-9])(\.[0-9])?(\.0)?(\+?)", re.IGNORECASE)
# Where Debian, or habit, has another name than SPDX. Keys in lower case.
ALIASES = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "artistic": "Artistic-1.0-Perl",
    "artistic-1": "Artistic-1.0",
    "artistic-2": "Artistic-2.0",
    "boost-1.0": "BSL-1.0",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd-2-clause license": "BSD-2-Clause",
    "bsd-3-clause license": "BSD-3-Clause",
    "bsd-4-clause-uc": "BSD-4-Clause-UC",
    "cc0": "CC0-1.0",
    "expat": "MIT",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mit-license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "mpl-2": "MPL-2.0",
    "psf": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
    "the mit license": "MIT",
    "the unlicense (unlicense)": "Unlicense",
    "zlib/libpng license": "Zlib",
}


@dataclass(frozen=True)
class Licence:
    """An SPDX expression, and what its own references stand for."""

    expression: str
    names: dict[str, str] = field(default_factory=dict)
    """LicenseRef -> the name that the package gives."""


UNKNOWN = Licence(NOBODY_SAYS)


def licence(said: list[str]) -> Licence:
    """Write as one expression what holds together: every one of `said` applies."""
    names: dict[str, str] = {}
    parts = []
    for text in sorted({" ".join(text.split()) for text in said} - {""}):
        part, own = _expression(text)
        parts.append(part)
        names |= own
    parts = sorted(set(parts))
    if not parts:
        return UNKNOWN
    if len(parts) > 1:
        parts = [f"({part})" if " OR " in part else part for part in parts]
    return Licence(" AND ".join(parts), names)


def _expression(text: str) -> tuple[str, dict[str, str]]:
    """Read `A or B, and C`; a comma before the word binds less than the word alone."""
    names: dict[str, str] = {}
    if known := _known(text):
        return known, _named(known)
    groups, links = _split(COMMA, text)
    written = []
    for group in groups:
        terms, inner = _split(PLAIN, group)
        written.append(_joined([_term(term, names) for term in terms], inner))
    if len(written) > 1:
        written = [f"({part})" if " " in part else part for part in written]
    return _joined(written, links) or _term(text, names), names


def _split(mark: re.Pattern[str], text: str) -> tuple[list[str], list[str]]:
    """Split at AND and OR; list what is there, and the word before each but the first."""
    pieces = mark.split(text)
    pairs = zip(["", *pieces[1::2]], pieces[::2], strict=True)
    held = [((link or "and").upper(), part) for link, part in pairs if part and part.strip()]
    return [part for _, part in held], [link for link, _ in held[1:]]


def _joined(parts: list[str], links: list[str]) -> str:
    later = "".join(f" {link} {part}" for link, part in zip(links, parts[1:], strict=True))
    return parts[0] + later if parts else ""


def _term(text: str, names: dict[str, str]) -> str:
    """Write one licence: its SPDX name, else a reference of our own."""
    text = text.strip()
    if known := _known(text):
        names |= _named(known)
        return known
    reference = f"LicenseRef-{SLUG.sub('-', text).strip('-.')[:60].strip('-.') or 'unnamed'}"
    names.setdefault(reference, text)
    return reference


def _named(expression: str) -> dict[str, str]:
    """Name the references that a package's own expression makes."""
    return {own: own.removeprefix("LicenseRef-") for own in OWN.findall(expression)}


@cache
def _known(text: str) -> str:
    """Give the SPDX expression that `text` is, or means; empty if none."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    name, mark, exception = re.sub(r"\s+with\s+", " WITH ", text, flags=re.I).partition(" WITH ")
    name = ALIASES.get(name.lower(), name)
    if gnu := GNU.fullmatch(name):
        name = _gnu(gnu)
    for candidate in (name + mark + exception, text):
        try:
            return str(canonicalize_license_expression(candidate))
        except InvalidLicenseExpression:
            continue
    return ""


def _gnu(found: re.Match[str]) -> str:
    family, bare, major, minor, _, later = found.groups()
    middle = "-no-invariants" if bare else ""
    return f"{family.upper()}-{major}{minor or '.0'}{middle}{'-or-later' if later else '-only'}"


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """Names of licences that hold together; or the package that says it for this one."""

    names: list[str] = []
    see: str = ""
    """Debian: the package whose documentation folder this one's is a link to."""
