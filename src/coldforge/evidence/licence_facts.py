"""The licences that packages declare, read from their files and cached by digest."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from coldforge.evidence.components import Component
from coldforge.evidence.licences.declared import read_copyright, read_metadata
from coldforge.evidence.licences.licence import Declared
from coldforge.files.atomic import write_file
from coldforge.files.code import code_digest
from coldforge.progress import step

Find = Callable[[Component], Path]
READERS = {"deb": read_copyright, "wheel": read_metadata, "source": read_metadata}
CODE = ("evidence/licences", "image/filesystem")
"""Our code that decides what is read of a package."""


class Memory(msgspec.Struct):
    """The content of the cache: what was read, and by which code of ours."""

    code: str
    said: dict[str, Declared]


def facts(components: Iterable[Component], find: Find, memory: Path) -> dict[str, Declared]:
    """Read what each component's file declares, by sha256; `memory` is the cache file.

    `find` gives a component's bytes. Raise ColdforgeError if they are not there, or damaged.
    """
    code = code_digest(*CODE)
    known = _remembered(memory, code)
    wanted = {one.sha256: one for one in components if one.kind in READERS and one.sha256}
    unread = [one for sha256, one in wanted.items() if sha256 not in known]
    if unread:
        with step("Reading licences", len(unread), "packages") as progress:

            def read(one: Component) -> Declared:
                said = READERS[one.kind](find(one), one.name, one.file)
                progress.advance(1)
                return said

            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                found = list(pool.map(read, unread))
        known |= {one.sha256: said for one, said in zip(unread, found, strict=True)}
        _remember(memory, Memory(code, dict(sorted(known.items()))))
    return {sha256: known[sha256] for sha256 in wanted}


def _remembered(path: Path, code: str) -> dict[str, Declared]:
    try:
        memory = msgspec.json.decode(path.read_bytes(), type=Memory)
    except (OSError, msgspec.MsgspecError):
        return {}
    return memory.said if memory.code == code else {}


def _remember(path: Path, memory: Memory) -> None:
    write_file(path, msgspec.json.encode(memory))
