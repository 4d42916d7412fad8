"""Questions a model is asked for its own calibration: from a file, or from the seeds."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.files.digest import sha256_json
from coldforge.quantize.calibration.seeds import SEEDS

FIELDS = ("question", "prompt", "instruction")
"""Where a JSON line may keep its question; the first that is there counts."""


@dataclass(frozen=True)
class Questions:
    """Texts, each once, in the order they were given."""

    name: str
    texts: tuple[str, ...]
    inventing: bool = False
    """Whether the model writes more of their kind when all were asked."""

    @cached_property
    def digest(self) -> str:
        """Identify the texts; hex sha256."""
        return sha256_json(self.texts)


def seeds() -> Questions:
    """Return the questions that ship with Coldforge."""
    return Questions("seeds", SEEDS, inventing=True)


def read_questions(path: Path) -> Questions:
    """Read a text file, a question a line, or JSON lines; raise ColdforgeError if none is there."""
    try:
        lines = path.read_text("utf-8").split("\n")
    except (IsADirectoryError, FileNotFoundError) as error:
        raise ColdforgeError(
            f"no such file of questions: {path}", "a question a line, or JSON lines in a .jsonl"
        ) from error
    except UnicodeDecodeError as error:
        raise ColdforgeError(f"{path} is not UTF-8 text", "write one question a line") from error
    found = _json_lines(path, lines) if path.suffix == ".jsonl" else iter(lines)
    texts = tuple(dict.fromkeys(text for text in found if text.strip()))
    if not texts:
        raise ColdforgeError(f"no question in {path}", "write one a line")
    return Questions(path.name, texts)


def _json_lines(path: Path, lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except ValueError:
            item = None
        fields = item if isinstance(item, dict) else {}
        texts = [fields[name] for name in FIELDS if isinstance(fields.get(name), str)]
        if not texts:
            raise ColdforgeError(
                f"line {number} of {path} holds no question",
                f'write {{"question": "…"}}; also read: {", ".join(FIELDS[1:])}',
            )
        yield texts[0]
