"""Text for training and evaluation: files of a tree, split in two by the hash of their path."""

import hashlib
import os
import platform
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.files.digest import sha256_json

FILE_CAP = 400_000
"""Bytes; larger files are tables or generated code, and one would outweigh the rest."""
TREE_CAP = 24_000_000
"""Bytes of text taken from one tree."""
HELD_OUT = 0.1
"""Share of the files kept for evaluation."""
SKIPPED = frozenset(
    {"__pycache__", "dist-packages", "idle_test", "node_modules", "site-packages", "test", "tests"}
)
SUFFIXES = frozenset(
    {".c", ".cpp", ".h", ".html", ".java", ".js", ".json", ".jsonl", ".md", ".py", ".rst", ".txt"}
)


@dataclass(frozen=True)
class Document:
    """One text and its path relative to the tree, with forward slashes."""

    path: str
    text: str


@dataclass(frozen=True)
class Corpus:
    """Documents sorted by path, under a recognisable name."""

    name: str
    documents: tuple[Document, ...]

    @cached_property
    def digest(self) -> str:
        """Identify the corpus by its paths and texts; hex sha256."""
        return sha256_json([[item.path, _hash(item.text)] for item in self.documents])

    @property
    def texts(self) -> list[str]:
        """List the documents' texts."""
        return [item.text for item in self.documents]

    def split(self, held_out: float = HELD_OUT) -> tuple["Corpus", "Corpus"]:
        """Split into training and held-out files; a file's side depends only on its path."""
        bound = round(held_out * 65536)
        sides: tuple[list[Document], list[Document]] = ([], [])
        for item in self.documents:
            sides[int(_hash(item.path)[:4], 16) < bound].append(item)
        train, test = sides
        return Corpus(f"{self.name}/train", tuple(train)), Corpus(
            f"{self.name}/held-out", tuple(test)
        )


def standard_library() -> Corpus:
    """Read the sources of the running interpreter's standard library, without its tests."""
    root = Path(sysconfig.get_path("stdlib"))
    documents = tuple(_documents(root, frozenset({".py"})))
    if not documents:
        raise ColdforgeError(
            f"{root} has no sources of Python's standard library", "name a folder of text instead"
        )
    return Corpus(f"python-{platform.python_version()}-stdlib", documents)


def read_texts(place: Path) -> Corpus:
    """Read a text file, or the text files of a tree; raise ColdforgeError if there is no text."""
    if place.is_file():
        documents = tuple(_document(place, place.name, cap=TREE_CAP))
    elif place.is_dir():
        documents = tuple(_documents(place, SUFFIXES))
    else:
        raise ColdforgeError(f"no such file or folder: {place}", "name a text file or a folder")
    if not documents:
        known = " ".join(sorted(SUFFIXES))
        raise ColdforgeError(f"{place} contains no text", f"UTF-8 files that are read: {known}")
    return Corpus(place.resolve().name, documents)


def _documents(root: Path, suffixes: frozenset[str]) -> Iterator[Document]:
    total = 0
    for path in sorted(_files(root, suffixes)):
        for document in _document(root / path, path, cap=FILE_CAP):
            total += len(document.text.encode())
            if total > TREE_CAP:
                return
            yield document


def _files(root: Path, suffixes: frozenset[str]) -> Iterator[str]:
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if name not in SKIPPED and not name.startswith(".")]
        for name in files:
            path = Path(folder, name)
            if path.suffix.lower() in suffixes and path.is_file() and not path.is_symlink():
                yield path.relative_to(root).as_posix()


def _document(path: Path, name: str, cap: int) -> Iterator[Document]:
    """Yield the document, or nothing if it is empty, too large or not UTF-8."""
    if not 0 < path.stat().st_size <= cap:
        return
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        return
    if text.strip():
        yield Document(name, text)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
