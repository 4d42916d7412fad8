"""Create directories atomically: fill a sibling, then rename it into place."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.files.atomic import publish_folder, write_file
from coldforge.files.lock import locked

CARD = "coldforge.json"
"""Describes a directory that Coldforge made; only such a directory is replaced."""
JOB = "job"
"""In an unfinished directory: the digest of everything that determines its content."""
WORK = ".work"
"""In an unfinished directory: what a killed run needs to continue."""


@contextmanager
def whole(out: Path, kind: str) -> Iterator[Path]:
    """Yield an empty sibling of `out` to fill; rename it to `out` if the block succeeds.

    Raise ColdforgeError if `out` holds anything but an earlier result of the same `kind`.
    """
    out = out.absolute()
    refuse_foreign(out, kind)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        _replace(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def resumable(out: Path, kind: str, job: str) -> Iterator[Path]:
    """Yield a sibling of `out` as a killed run of the same `job` left it, or empty.

    It is renamed to `out` if the block succeeds, and kept for the next run if not. Raise
    ColdforgeError if another run holds it.
    """
    out = out.absolute()
    refuse_foreign(out, kind)
    part = out.with_name(f".{out.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    with _exclusive(part):
        if _job(part) != job:
            for item in part.iterdir():
                _remove(item)
            write_file(part / JOB, job.encode())
        yield part
        (part / JOB).unlink()
        shutil.rmtree(part / WORK, ignore_errors=True)
        _replace(part, out)


@contextmanager
def staged(out: Path, kind: str) -> Iterator[Path]:
    """Yield a path in a separate folder, for a container to create; then rename it to `out`.

    The container needs write access to that folder only, not to the parent of `out`. What a killed
    `resumable` run left there is kept.
    """
    out = out.absolute()
    refuse_foreign(out, kind)
    part = out.with_name(f".{out.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    place = part / out.name
    try:
        yield place
        if not place.is_dir():
            raise ColdforgeError(f"{out.name} was not made", "see the error above")
        _replace(place, out)
    finally:
        if not _job(part / f".{out.name}.part"):
            shutil.rmtree(part, ignore_errors=True)


def refuse_foreign(out: Path, kind: str) -> None:
    """Raise ColdforgeError if `out` holds something that was not made as `kind`."""
    if not out.exists():
        return
    if not out.is_dir():
        raise ColdforgeError(f"{out} is not a directory", "name another --out")
    if any(out.iterdir()) and read_card(out).get("kind") != kind:
        raise ColdforgeError(
            f"{out} is not empty and was not made as a {kind}", "name another --out, or remove it"
        )


def read_card(folder: Path) -> dict[str, Any]:
    """Read the card of a directory; {} if there is no readable one."""
    try:
        card = json.loads((folder / CARD).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def write_card(folder: Path, kind: str, facts: dict[str, Any]) -> None:
    """Write the card, keys sorted."""
    text = json.dumps({"kind": kind, **facts}, indent=2, sort_keys=True)
    (folder / CARD).write_text(text + "\n", "utf-8")


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Lock a folder; raise ColdforgeError if another run holds it."""
    busy = ColdforgeError(
        f"another run is making {folder.name[1:].removesuffix('.part')}",
        "wait for it, or stop it: docker ps shows its container",
    )
    with locked(folder, busy=busy):
        yield


def _job(part: Path) -> str:
    """Read the job that a folder was begun for; empty if there is none."""
    try:
        return (part / JOB).read_text("utf-8")
    except OSError:
        return ""


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _replace(part: Path, out: Path) -> None:
    """Swap directories; if killed between the renames, the old one is left as .NAME.old."""
    _open(part)
    aside = out.with_name(f".{out.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    if out.exists():
        out.rename(aside)
    publish_folder(part, out)
    shutil.rmtree(aside, ignore_errors=True)


def _open(folder: Path) -> None:
    """Set the modes of all files by the caller's umask; some libraries make them private."""
    mask = os.umask(0)
    os.umask(mask)
    for path in folder.rglob("*"):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)
