"""A model's tokenizer: text to ids and back, and a digest that identifies it."""

import json
import shutil
from pathlib import Path
from typing import Any, Protocol

from coldforge.errors import ColdforgeError
from coldforge.files.digest import sha256_json

TEXTS = 32
"""Texts encoded at once: a tokenizer takes a hundred times a text's bytes while it works."""
FILES = (
    "added_tokens.json",
    "chat_template.jinja",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
)


class Tokens(Protocol):
    """Encode texts without special tokens."""

    end: int
    """Id of the token that ends a text."""

    def encode(self, texts: list[str]) -> list[list[int]]:
        """Return the ids of each text."""

    @property
    def digest(self) -> str:
        """Identify the tokenizer."""


class ModelTokens:
    """The tokenizer of a model directory, loaded with Transformers."""

    def __init__(self, folder: Path) -> None:
        """Load it; raise ColdforgeError if it cannot be read."""
        from transformers import AutoTokenizer

        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError, TypeError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ColdforgeError(
                f"the tokenizer of {folder} cannot be read: {first}", "copy its tokenizer again"
            ) from error
        end = self.tokenizer.eos_token_id
        self.end: int = end if end is not None else 0

    def encode(self, texts: list[str]) -> list[list[int]]:
        """Return the ids of each text, without special tokens."""
        if not texts:
            return []
        found: list[list[int]] = self.tokenizer(
            texts, add_special_tokens=False, verbose=False
        ).input_ids
        return found

    @property
    def digest(self) -> str:
        """Identify vocabulary and merges, not padding or truncation; hex sha256."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is None:
            return sha256_json(self.tokenizer.get_vocab())
        description = json.loads(backend.to_str())
        return sha256_json(
            {
                key: description[key]
                for key in sorted(description.keys() - {"padding", "truncation"})
            }
        )


def copy_files(source: Path, target: Path) -> None:
    """Copy a tokenizer's files unchanged; saving them with a library may change them."""
    for name in FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def join(tokens: Tokens, texts: list[str]) -> list[int]:
    """Encode texts into one stream, each followed by the end token; a few texts at a time."""
    stream: list[int] = []
    for at in range(0, len(texts), TEXTS):
        for ids in tokens.encode(texts[at : at + TEXTS]):
            stream += ids
            stream.append(tokens.end)
    return stream
