"""Entry point of `receive`: verify the bundle, install its tool, and start that."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from coldforge.bootstrap.folder import Folder, scan
from coldforge.bootstrap.index import ToolIndex, parse_index
from coldforge.bootstrap.items import Items
from coldforge.bootstrap.toolkit import CURRENT, activate, exclusive, install
from coldforge.bootstrap.verify import (
    MAX_TRUST,
    as_trust_file,
    bundle_by_digest,
    bundle_by_signatures,
    claimed_signatures,
    parse_trust,
    require_index,
)
from coldforge.errors import ColdforgeError, MissingInputError, RefusedError
from coldforge.files.atomic import publish, write_file

EXAMPLE = "example: sh receive --into /srv/coldforge --trust trust.json"
ABOUT = """\
Receive the bundle in this file's folder. If Coldforge is installed, its own mirror.receive does
that. Otherwise the tool in the bundle is installed first, if enough of the keys in the trust file
have signed the bundle, or its digest is the one given.
"""


def main(words: list[str], place: Path) -> int:
    """Run `receive` for the bundle in folder `place`; return the exit status."""
    given = _parse(words)
    try:
        command = _prepare(given, Path.cwd() / given.folder if given.folder else place)
        os.execv(command[0], command)  # noqa: S606 - the tool just verified, or the site's own
    except ColdforgeError as error:
        status = _fail(error.message, error.hint, error.exit_code)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        status = _fail(
            f"{error.strerror or error}{where}", "fix that; the same command continues", 1
        )
    except KeyboardInterrupt:
        status = _fail("interrupted", "run the same command to continue", 130)
    return status


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="sh receive",
        description=ABOUT,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    home = str(Path("~", "coldforge").expanduser())
    parser.add_argument(
        "folder",
        nargs="?",
        metavar="FOLDER",
        help="folder of the bundle, or of more of its volumes",
    )
    parser.add_argument(
        "--into", default=home, metavar="DEST", help="folder to install into; default: ~/coldforge"
    )
    trust = parser.add_mutually_exclusive_group()
    trust.add_argument(
        "--trust", metavar="FILE", help="trust file or public key, not from the bundle's disk"
    )
    trust.add_argument("--digest", metavar="SHA256", help="digest of the bundle, from its sender")
    return parser.parse_args(words)


def _prepare(given: argparse.Namespace, place: Path) -> list[str]:
    """Install the tool unless one is; return the command that receives the bundle."""
    dest = Path.cwd() / given.into
    current = dest / CURRENT
    if os.path.lexists(current):
        if given.trust:
            _print(f"note: {dest} has a trust file already; --trust is not used")
        return _command(current, place, given.digest)
    folder = scan(place)
    trust = _trust_file(given, dest)
    bundle = _trusted_bundle(given, folder, trust)
    index = parse_index(folder.copies[bundle].data)
    with exclusive(dest):
        if trust is not None:
            write_file(dest / "site" / "trust.json", trust)
        _extract_tool(index, bundle, folder, dest)
        version = install(dest, index.tool, lambda sha256: _blob_path(dest, sha256))
        activate(dest, version)  # further volumes are received by this one
    return _command(current, place, given.digest)


def _command(version: Path, place: Path, digest: str | None) -> list[str]:
    digest_option = ["--digest", digest] if digest else []
    return [str(version / "invokew"), "mirror.receive", str(place), *digest_option]


def _trust_file(given: argparse.Namespace, dest: Path) -> bytes | None:
    """Read the trust file: the one given, which must not differ from the site's."""
    own = dest / "site" / "trust.json"
    there = _read(own) if own.exists() else None
    if given.digest:
        return None
    if not given.trust:
        return there
    data = as_trust_file(_read(Path(given.trust)))
    if there is not None and there != data:
        raise RefusedError(f"{own} differs from --trust", "omit --trust, or remove that file")
    return data


def _trusted_bundle(given: argparse.Namespace, folder: Folder, trust: bytes | None) -> str:
    """Choose the bundle that is trusted; raise ColdforgeError if none is."""
    if given.digest:
        return bundle_by_digest(folder.copies, given.digest)
    if trust is not None:
        return bundle_by_signatures(folder.copies, parse_trust(trust))
    require_index(folder.copies)
    for bundle, copies in sorted(folder.copies.items()):
        _print(f"bundle {bundle}")
        for keyid in sorted({keyid[:60] for keyid, _sig in claimed_signatures(copies)}):
            _print(f"  claims to be signed by {keyid!r}")
    message = "the bundle is not trusted: there is no trust file; nothing of it was run"
    hint = "give --trust FILE, or ask the sender for the digest: --digest SHA256"
    raise RefusedError(message, hint)


def _extract_tool(index: ToolIndex, bundle: str, folder: Folder, dest: Path) -> None:
    """Extract the tool's items into the mirror of DEST, each visible once verified."""
    size = sum(item.size for item in index.items.values())
    _print(f"Installing the tool ({size / 1e6:.0f} MB) in {dest}")
    partial = dest / "blobs" / "partial"
    partial.mkdir(parents=True, exist_ok=True)
    with Items(index, bundle, folder, dest / "site" / "staging" / bundle) as items:
        try:
            for item in index.items.values():
                place = _blob_path(dest, item.sha256)
                if not items.verify(item, place):
                    part = partial / f"{item.sha256}.tool"
                    items.extract(item, part, _print)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    part.chmod(0o644)
                    publish(part, place)
        except MissingInputError:
            items.keep_shards()
            raise


def _blob_path(dest: Path, sha256: str) -> Path:
    return dest / "blobs" / "sha256" / sha256[:2] / sha256


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_TRUST + 1)
    except OSError as error:
        raise MissingInputError(f"cannot read {path}: {error.strerror}", EXAMPLE) from error


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - a command prints


def _fail(message: str, hint: str, status: int) -> int:
    _print(f"error: {message}")
    if hint:
        _print(f" hint: {hint}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], (Path.cwd() / sys.argv[0]).parent))
