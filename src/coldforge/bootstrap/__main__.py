"""What `receive` runs: see that the bundle is vouched for, lay out its tool, hand over to it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from coldforge.bootstrap.folder import Folder, scan
from coldforge.bootstrap.index import Index, parse_index
from coldforge.bootstrap.items import Items
from coldforge.bootstrap.toolkit import CURRENT, alone, lay_out, switch
from coldforge.bootstrap.verify import (
    MOST_TRUST,
    as_trust,
    claims,
    need_one,
    parse_trust,
    told,
    trusted,
)
from coldforge.errors import ColdforgeError, MissingInputError, RefusedError
from coldforge.files.atomic import publish, write_file

EXAMPLE = "example: sh receive --into /srv/coldforge --trust trust.json"
ABOUT = """\
Take in the bundle in whose folder this file lies. Where Coldforge is already, its own
mirror.receive does that. Else the tool that the bundle carries is laid out first, once enough of
the keys in the trust file have signed, or the digest told by the sender is the bundle's.
"""


def main(words: list[str], place: Path) -> int:
    """Run `receive` of the bundle in folder `place`; the exit status."""
    given = _parse(words)
    try:
        command = _prepare(given, Path.cwd() / given.folder if given.folder else place)
        os.execv(command[0], command)  # noqa: S606 - the tool just proved, or the site's own
    except ColdforgeError as error:
        status = _fail(error.message, error.hint, error.exit_code)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        status = _fail(
            f"{error.strerror or error}{where}", "mend that; the same command goes on", 1
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
        "folder", nargs="?", metavar="FOLDER", help="folder of the bundle, or of more volumes of it"
    )
    parser.add_argument(
        "--into", default=home, metavar="DEST", help="folder to keep all in; ~/coldforge"
    )
    vouched = parser.add_mutually_exclusive_group()
    vouched.add_argument(
        "--trust", metavar="FILE", help="trust file or public key, come another way than the bundle"
    )
    vouched.add_argument(
        "--digest", metavar="SHA256", help="digest of the bundle, as its sender told"
    )
    return parser.parse_args(words)


def _prepare(given: argparse.Namespace, place: Path) -> list[str]:
    """Lay out the tool unless one is in use; give the command that receives the bundle."""
    dest = Path.cwd() / given.into
    current = dest / CURRENT
    if os.path.lexists(current):
        if given.trust:
            _say(f"note: {dest} has keys it trusts already; --trust is not used")
        return _command(current, place, given.digest)
    folder = scan(place)
    trust = _trust_file(given, dest)
    bundle = _vouched(given, folder, trust)
    index = parse_index(folder.copies[bundle].data)
    with alone(dest):
        if trust is not None:
            write_file(dest / "site" / "trust.json", trust)
        _take(index, bundle, folder, dest)
        version = lay_out(dest, index.tool, lambda sha256: _blob(dest, sha256))
        switch(dest, version)  # nothing is in use yet: further volumes are given to this one
    return _command(current, place, given.digest)


def _command(version: Path, place: Path, digest: str | None) -> list[str]:
    told_digest = ["--digest", digest] if digest else []
    return [str(version / "invokew"), "mirror.receive", str(place), *told_digest]


def _trust_file(given: argparse.Namespace, dest: Path) -> bytes | None:
    """Read the trust file that counts: the one given, which must not contradict the site's."""
    own = dest / "site" / "trust.json"
    there = _read(own) if own.exists() else None
    if given.digest:
        return None
    if not given.trust:
        return there
    data = as_trust(_read(Path(given.trust)))
    if there is not None and there != data:
        raise RefusedError(f"{own} is another trust file", "leave --trust out, or remove that file")
    return data


def _vouched(given: argparse.Namespace, folder: Folder, trust: bytes | None) -> str:
    """Choose the bundle that is vouched for; raise ColdforgeError if none is."""
    if given.digest:
        return told(folder.copies, given.digest)
    if trust is not None:
        return trusted(folder.copies, parse_trust(trust))
    need_one(folder.copies)
    for bundle, held in sorted(folder.copies.items()):
        _say(f"bundle {bundle}")
        for keyid in sorted({keyid[:60] for keyid, _sig in claims(held)}):
            _say(f"  says it is signed by {keyid!r}")
    message = "nobody here vouches for this bundle; nothing of it was run"
    hint = (
        "give --trust FILE, or compare the digest with what the sender tells you: --digest SHA256"
    )
    raise RefusedError(message, hint)


def _take(index: Index, bundle: str, folder: Folder, dest: Path) -> None:
    """Bring the tool's items into the mirror of DEST, each under its digest once it is proved."""
    size = sum(item.size for item in index.items.values())
    _say(f"Laying out the tool ({size / 1e6:.0f} MB) in {dest}")
    partial = dest / "blobs" / "partial"
    partial.mkdir(parents=True, exist_ok=True)
    with Items(index, bundle, folder, dest / "site" / "staging" / bundle) as items:
        try:
            for item in index.items.values():
                place = _blob(dest, item.sha256)
                if not items.right(item, place):
                    part = partial / f"{item.sha256}.tool"
                    items.take(item, part, _say)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    part.chmod(0o644)
                    publish(part, place)
        except MissingInputError:
            items.keep()
            raise


def _blob(dest: Path, sha256: str) -> Path:
    return dest / "blobs" / "sha256" / sha256[:2] / sha256


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MOST_TRUST + 1)
    except OSError as error:
        raise MissingInputError(f"cannot read {path}: {error.strerror}", EXAMPLE) from error


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - for whoever runs it


def _fail(message: str, hint: str, status: int) -> int:
    _say(f"error: {message}")
    if hint:
        _say(f" hint: {hint}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], (Path.cwd() / sys.argv[0]).parent))
