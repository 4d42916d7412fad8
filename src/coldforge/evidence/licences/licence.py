"""A licence as SPDX writes it, from the names that Debian and Python packages use.

Sources: SPDX 2.3 annex D (expressions); Debian's machine-readable copyright format 1.0, 7.2;
Python's core metadata 2.4.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from boolean import Expression
    from license_expression import Licensing

NOASSERTION = "NOASSERTION"
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
    """An SPDX expression, and the names that its own references (LicenseRef-…) stand for."""

    expression: str
    names: dict[str, str] = field(default_factory=dict)
    """LicenseRef -> the name that the package gives."""


UNKNOWN = Licence(NOASSERTION)


class Declared(msgspec.Struct, frozen=True, omit_defaults=True):
    """The licences that a package declares, all of which apply; or the package that does."""

    names: list[str] = []
    see: str = ""
    """Debian: the package whose documentation folder this one's is a link to."""


def licence(declared: list[str]) -> Licence:
    """Combine the declared licences, all of which apply, into one SPDX expression."""
    names: dict[str, str] = {}
    found: dict[str, Expression] = {}
    for text in sorted({" ".join(text.split()) for text in declared} - {""}):
        node = _expression(text, names)
        found[node.render()] = node
    if not found:
        return UNKNOWN
    parts: list[Expression] = []
    for text, node in sorted(found.items()):
        # Without a choice inside, parentheses would say nothing.
        flat = isinstance(node, _licensing().AND) and " OR " not in text
        parts += node.args if flat else [node]
    return Licence(_combined("AND", parts).render(), names)


def _expression(text: str, names: dict[str, str]) -> "Expression":
    """Parse `A or B, and C`; a comma before the word binds less than the word alone.

    Add the references made to `names`.
    """
    if known := _known(text):
        return _parsed(known, names)
    groups = []
    for link, group in _split(COMMA, text):
        terms = [(inner, _term(term, names)) for inner, term in _split(PLAIN, group)]
        if terms:
            groups.append((link, _joined(terms)))
    return _joined(groups) if groups else _term(text, names)


def _split(mark: re.Pattern[str], text: str) -> list[tuple[str, str]]:
    """Split at AND and OR; list what is between, each with the word before it."""
    pieces = mark.split(text)
    pairs = zip(["", *pieces[1::2]], pieces[::2], strict=True)
    return [((link or "and").upper(), part) for link, part in pairs if part and part.strip()]


def _joined(parts: "list[tuple[str, Expression]]") -> "Expression":
    """Combine parts, each with the word before it (the first's is ignored); AND binds more."""
    choices: list[list[Expression]] = []
    for link, part in parts:
        if link == "OR" or not choices:
            choices.append([])
        choices[-1].append(part)
    return _combined("OR", [_combined("AND", choice) for choice in choices])


def _combined(word: str, parts: "list[Expression]") -> "Expression":
    return getattr(_licensing(), word)(*parts) if len(parts) > 1 else parts[0]


def _term(text: str, names: dict[str, str]) -> "Expression":
    """Parse one licence: its SPDX name, else a reference of our own."""
    text = text.strip()
    if known := _known(text):
        return _parsed(known, names)
    reference = f"LicenseRef-{SLUG.sub('-', text).strip('-.')[:60].strip('-.') or 'unnamed'}"
    names.setdefault(reference, text)
    return _licensing().parse(reference)


def _parsed(expression: str, names: dict[str, str]) -> "Expression":
    """Parse an SPDX expression; add the package's own references in it to `names`."""
    names |= {own: own.removeprefix("LicenseRef-") for own in OWN.findall(expression)}
    return _licensing().parse(expression)


@cache
def _licensing() -> "Licensing":
    from license_expression import Licensing

    return Licensing()


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
