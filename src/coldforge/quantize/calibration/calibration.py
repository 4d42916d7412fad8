"""Calibration data: windows of token ids, their tokenizer and their origin.

A frozen calibration set is one file of canonical JSON,
{"calibration":1,"digest":…,"made":{…},"sha256":…,"tokenizer":…,"windows":[[…],…]}: `digest` covers
tokenizer and ids, `sha256` everything else in the file.
"""

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from coldforge.errors import ColdforgeError, RefusedError
from coldforge.files.atomic import write_file
from coldforge.files.digest import canonical_json, sha256_json
from coldforge.model.corpus import Corpus
from coldforge.model.tokens import Tokens, join

SAMPLES, LENGTH = 128, 512
"""Windows and tokens of each, unless asked otherwise."""

VERSION = 1
OURS = re.compile(rb'\s*\{\s*"calibration"\s*:')
REMEDY = "copy it again, or make it again: invoke calibrate"


@dataclass(frozen=True)
class Calibration:
    """Windows of token ids, all of one length."""

    windows: Sequence[Sequence[int]]
    tokenizer: str
    """Digest of the tokenizer that made the ids."""
    made: dict[str, Any]
    """Origin: `corpus` is its name for people, the rest decided the ids."""

    @cached_property
    def digest(self) -> str:
        """Identify the ids and their tokenizer; hex sha256."""
        return sha256_json([self.tokenizer, self.windows])

    @property
    def length(self) -> int:
        """Tokens of a window."""
        return len(self.windows[0])

    @property
    def facts(self) -> dict[str, Any]:
        """Describe it for a card: how it was made, digests, counts."""
        return {
            **self.made,
            "digest": self.digest,
            "length": self.length,
            "samples": len(self.windows),
            "tokenizer": self.tokenizer,
        }


def draw(corpus: Corpus, tokens: Tokens, samples: int, length: int, seed: int) -> Calibration:
    """Draw `samples` windows of `length` tokens; the same arguments draw the same windows."""
    check_size(samples, length)
    stream = join(tokens, corpus.texts)
    last = len(stream) - length
    if last < 0:
        raise ColdforgeError(
            f"calibration text {corpus.name} has {len(stream)} tokens, a window needs {length}",
            "add text, or lower --length",
        )
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    starts = [chance.randrange(last + 1) for _ in range(samples)]
    made = {"corpus": corpus.name, "corpus_digest": corpus.digest, "seed": seed, "way": "drawn"}
    return Calibration([stream[at : at + length] for at in starts], tokens.digest, made)


def check_size(samples: int, length: int) -> None:
    """Raise ColdforgeError unless there is at least one window of one token."""
    if samples < 1 or length < 1:
        raise ColdforgeError(
            "calibration needs at least one sample of one token", "raise --samples or --length"
        )


class _FrozenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    calibration: int
    digest: str
    made: dict[str, Any]
    sha256: str
    tokenizer: str
    windows: list[list[int]]


def is_frozen(path: Path) -> bool:
    """Tell whether a file is a calibration set, complete or not."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return bool(OURS.match(stream.read(64)))


def write_frozen(path: Path, calibration: Calibration) -> None:
    """Write the file atomically; the same calibration gives the same bytes."""
    content = {
        "calibration": VERSION,
        "digest": calibration.digest,
        "made": calibration.made,
        "tokenizer": calibration.tokenizer,
        "windows": calibration.windows,
    }
    write_file(path, canonical_json({**content, "sha256": sha256_json(content)}) + b"\n")


def read_frozen(path: Path) -> Calibration:
    """Read the file; raise RefusedError if it is incomplete or was changed."""
    raw = path.read_bytes()
    try:
        content = json.loads(raw)
        found = msgspec.convert(content, _FrozenFile)
    except (RecursionError, TypeError, ValueError, msgspec.ValidationError) as error:
        raise RefusedError(f"{path} is not a complete calibration set", REMEDY) from error
    if found.calibration != VERSION:
        raise ColdforgeError(
            f"{path} is a calibration set of version {found.calibration}, {VERSION} is read here",
            "make it again: invoke calibrate",
        )
    calibration = Calibration(found.windows, found.tokenizer, found.made)
    del content["sha256"]
    if sha256_json(content) != found.sha256 or calibration.digest != found.digest:
        raise RefusedError(f"{path} was changed after it was made", REMEDY)
    if not found.windows or not found.windows[0] or len(set(map(len, found.windows))) > 1:
        raise RefusedError(f"{path} has no windows of equal length", REMEDY)
    return calibration


def refuse_other(path: Path) -> None:
    """Raise ColdforgeError if `path` exists and is not a calibration set."""
    if path.exists() and not is_frozen(path):
        raise ColdforgeError(f"{path} exists and is not a calibration set", "name another --out")
