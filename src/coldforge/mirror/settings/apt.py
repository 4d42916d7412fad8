"""Read the user's apt configuration: where Debian archives may be, and how apt reaches them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from coldforge.errors import ColdforgeError

OVERRIDE = "COLDFORGE_DEBIAN"
NO = {"no", "false", "without", "off", "disable", "0"}  # apt's own words for it
HINT = f"set {OVERRIDE} to the base URL of a Debian archive, or add one to /etc/apt/sources.list.d"


class AptSource(msgspec.Struct, frozen=True):
    """One base URI of an archive."""

    uri: str
    """Without a trailing slash; http, https or file. May hold credentials: print it redacted."""
    suites: tuple[str, ...] = ()
    """Suites the configuration takes from it; others may be there too."""
    signed_by: str = ""
    """Signed-By as written: paths, fingerprints or an armoured key; empty for the default."""
    check_valid_until: bool = True
    override: bool = False
    """Named by COLDFORGE_DEBIAN, so it wins whatever else is configured."""


def archives(root: Path = Path("/"), environ: Mapping[str, str] | None = None) -> list[AptSource]:
    """List candidate archives as `configured` does; raise ColdforgeError when there are none."""
    found = configured(root, environ)
    if not found:
        raise ColdforgeError("no Debian archive is configured on this host", HINT)
    return found


def configured(root: Path = Path("/"), environ: Mapping[str, str] | None = None) -> list[AptSource]:
    """List COLDFORGE_DEBIAN's archives, then apt's in apt's order; each URI once.

    Configuration files this user cannot read count as absent.
    """
    wanted = (os.environ if environ is None else environ).get(OVERRIDE, "").split()
    named = [AptSource(uri, override=True) for uri in wanted]
    found: dict[str, AptSource] = {}
    for source in (*_expanded(root, named), *_expanded(root, _apt_sources(root))):
        found[source.uri] = _merged(found[source.uri], source) if source.uri in found else source
    return list(found.values())


def options() -> dict[str, str]:
    """Read the host's apt options (`apt-config dump`), keys in lower case; none without apt."""
    if not shutil.which("apt-config"):
        return {}
    result = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)
    return parse_options(result.stdout)


def parse_options(dump: str) -> dict[str, str]:
    """Parse lines such as `Acquire::Check-Valid-Until "false";`, keys in lower case."""
    pairs = re.findall(r'^(\S+) "(.*)";$', dump, re.MULTILINE)
    return {key.lower(): value for key, value in pairs}


def is_off(value: str) -> bool:
    """Tell whether apt reads this option value as false."""
    return value.strip().lower() in NO


def proxies(settings: Mapping[str, str]) -> dict[str, str]:
    """Map `http` and `https` to the proxy that apt's options name, or DIRECT.

    Unset ones are left out. As apt-transport-https(1) says, https falls back to http.
    """
    plain = settings.get("acquire::http::proxy", "")
    found = {"http": plain, "https": settings.get("acquire::https::proxy", "") or plain}
    return {scheme: proxy for scheme, proxy in found.items() if proxy}


def parse_list(text: str) -> list[AptSource]:
    """Parse the one-line format of sources.list(5); what is not a `deb` line is skipped."""
    found = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+([^\s#]+)", line)
        if match:
            pairs = [item.partition("=") for item in (match[1] or "").split()]
            wants = {key.lower().rstrip("+-"): value for key, _, value in pairs}
            found += _sources([match[2]], [match[3]], wants)
    return found


def parse_sources(text: str) -> list[AptSource]:
    """Parse the deb822 format of sources.list(5); disabled and source-only stanzas are skipped."""
    from debian.deb822 import Deb822

    found = []
    for stanza in Deb822.iter_paragraphs(text.splitlines(), use_apt_pkg=False):
        fields = {str(key).lower(): str(value) for key, value in _items(stanza)}
        if is_off(fields.get("enabled", "yes")) or "deb" not in fields.get("types", "").split():
            continue
        found += _sources(fields.get("uris", "").split(), fields.get("suites", "").split(), fields)
    return found


def _items(stanza: Any) -> Iterator[tuple[object, object]]:  # noqa: ANN401 - untyped library
    yield from stanza.items()


def _sources(uris: list[str], suites: list[str], wants: Mapping[str, str]) -> list[AptSource]:
    """Make a source of each URI; a suite that ends in `/` names a folder without dists/."""
    kept = tuple(suite for suite in suites if not suite.endswith("/"))
    if not kept:
        return []
    check = not is_off(wants.get("check-valid-until", "yes"))
    return [AptSource(uri, kept, wants.get("signed-by", "").strip(), check) for uri in uris]


def _apt_sources(root: Path) -> Iterator[AptSource]:
    folder = root / "etc" / "apt"
    parts = folder / "sources.list.d"
    named = sorted(parts.iterdir()) if parts.is_dir() else []
    for path in (folder / "sources.list", *named):
        if path.suffix == ".list":
            yield from parse_list(_text(path))
        elif path.suffix == ".sources":
            yield from parse_sources(_text(path))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _expanded(root: Path, sources: Iterator[AptSource] | list[AptSource]) -> Iterator[AptSource]:
    """Keep the schemes we can read; open mirror lists on disk, as Debian's cloud images have."""
    for source in sources:
        scheme, _, rest = source.uri.partition(":")
        path = "/" + rest.lstrip("/")
        if scheme in ("http", "https"):
            yield msgspec.structs.replace(source, uri=source.uri.rstrip("/"))
        elif scheme in ("file", "copy"):
            yield msgspec.structs.replace(source, uri=f"file://{path.rstrip('/')}")
        elif scheme == "mirror+file":
            lines = _text(root / path.lstrip("/")).splitlines()
            uris = [line.split()[0] for line in lines if line.strip() and line[0] != "#"]
            listed = [msgspec.structs.replace(source, uri=uri) for uri in uris]
            yield from _expanded(root, [item for item in listed if "mirror" not in item.uri[:6]])


def _merged(first: AptSource, again: AptSource) -> AptSource:
    return AptSource(
        first.uri,
        tuple(dict.fromkeys(first.suites + again.suites)),
        first.signed_by or again.signed_by,
        first.check_valid_until and again.check_valid_until,
        first.override,
    )
