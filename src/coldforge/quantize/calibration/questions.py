"""Questions for self-generated calibration: from a file, or the seeds."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.files.digest import sha256_json

SEEDS = (
    'def read_lines(path):\n    """Return the lines of a text file without their ends."""\n',
    'def count_words(text):\n    """Count how often each word occurs, whatever its case."""\n',
    'def parse_arguments(argv=None):\n    """Read the command line; return the namespace."""\n',
    'def median(values):\n    """Return the middle of the sorted values."""\n',
    'def flatten(nested):\n    """Yield the items of lists within lists, depth first."""\n',
    'def retry(function, times, delay=1.0):\n    """Call until it no longer raises."""\n',
    "def is_prime(number):\n    # Divide by every odd number up to the root.\n",
    "def load_config(path):\n    import json\n\n    with open(path) as stream:\n",
    "def send_request(host, port, payload):\n    with socket.create_connection((host, port)) as",
    "def main():\n    logging.basicConfig(level=logging.INFO)\n",
    'class Stack:\n    """Last in, first out."""\n\n    def __init__(self):\n',
    'class TokenBucket:\n    """Let so many calls through a second."""\n',
    "class TestParser(unittest.TestCase):\n    def setUp(self):\n",
    "import os\nimport sys\n\n\ndef walk(top):\n",
    "import threading\n\n\nclass Worker(threading.Thread):\n    def run(self):\n",
    "from dataclasses import dataclass\n\n\n@dataclass\nclass Point:\n",
)
"""Beginnings of Python from which self-instruct starts (Wang et al. 2022)."""
FIELDS = ("question", "prompt", "instruction")
"""Where a JSON line may keep its question; the first one present counts."""


@dataclass(frozen=True)
class Questions:
    """Texts, each once, in the order they were given."""

    name: str
    texts: tuple[str, ...]
    inventing: bool = False
    """Whether the model writes more of the same kind when all were asked."""

    @cached_property
    def digest(self) -> str:
        """Identify the texts; hex sha256."""
        return sha256_json(self.texts)


def seeds() -> Questions:
    """Return the questions that ship with Coldforge."""
    return Questions("seeds", SEEDS, inventing=True)


def read_questions(path: Path) -> Questions:
    """Read a text file, a question a line, or JSON lines; raise ColdforgeError if there is none."""
    try:
        lines = path.read_text("utf-8").split("\n")
    except (IsADirectoryError, FileNotFoundError) as error:
        raise ColdforgeError(
            f"{path} is not a file", "a question a line, or JSON lines in a .jsonl"
        ) from error
    except UnicodeDecodeError as error:
        raise ColdforgeError(f"{path} is not UTF-8 text", "write one question a line") from error
    found = _json_lines(path, lines) if path.suffix == ".jsonl" else iter(lines)
    texts = tuple(dict.fromkeys(text for text in found if text.strip()))
    if not texts:
        raise ColdforgeError(f"{path} has no question", "write one a line")
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
                f"line {number} of {path} has no question",
                f'write {{"question": "…"}}; also read: {", ".join(FIELDS[1:])}',
            )
        yield texts[0]
