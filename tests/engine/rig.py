"""A runner without a model: each token is the sum of those before it, modulo the vocabulary."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coldforge.engine.card import write_engine


class Adder:
    """See Runner; `calls` holds the prompts of each batch."""

    def __init__(self, positions: int = 16, vocab: int = 11) -> None:
        self.positions, self.vocab = positions, vocab
        self.calls: list[list[list[int]]] = []

    def follow(self, prompts: list[list[int]], count: int) -> Iterator[list[int]]:
        assert len({len(prompt) for prompt in prompts}) == 1
        assert len(prompts[0]) + count <= self.positions
        self.calls.append(prompts)
        rows = [list(prompt) for prompt in prompts]
        for _ in range(count):
            for row in rows:
                row.append(sum(row) % self.vocab)
            yield [row[-1] for row in rows]


class Letters:
    """A tokenizer whose tokens are letters; `end` never is one."""

    def __init__(self, end: int = 7) -> None:
        self.end, self.tokenizer = end, self

    def encode(self, texts: list[str]) -> list[list[int]]:
        return [[ord(letter) - ord("a") for letter in text] for text in texts]

    def decode(self, ids: list[int]) -> str:
        return "".join(chr(ord("a") + token) for token in ids)


def folder(place: Path, positions: int = 16, backend: str = "onnxruntime", **more: Any) -> Path:
    """Write an engine directory that holds a config only."""
    place.mkdir(parents=True)
    config = {
        "model_type": "llama", "hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1,
        "intermediate_size": 16, "vocab_size": 11, "max_position_embeddings": positions,
    }  # fmt: skip
    (place / "config.json").write_text(json.dumps(config), "utf-8")
    facts = {"backend": backend, "precision": "fp32", "checkpoint": "c", "seconds": 1.0, **more}
    write_engine(place, facts)
    return place
