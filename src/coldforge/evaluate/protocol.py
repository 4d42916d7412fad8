"""The evaluation protocol: windows of a corpus, and the facts that define the numbers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldforge.evaluate.intervals import METHOD
from coldforge.evaluate.perplexity import check_window, first_tokens, windows
from coldforge.model.corpus import Corpus, read_texts, standard_library
from coldforge.model.tokens import ModelTokens


@dataclass(frozen=True)
class Cut:
    """Windows of tokens and the protocol they follow."""

    windows: list[list[int]]
    facts: dict[str, Any]

    @property
    def tokens(self) -> int:
        """Count the evaluated tokens: all but the first of each window."""
        return sum(len(window) - 1 for window in self.windows)


def evaluation_corpus(text: str | None) -> Corpus:
    """Read the text file or folder, else the default corpus's held-out files."""
    return read_texts(Path(text)) if text else standard_library().split()[1]


def cut_corpus(tokens: ModelTokens, corpus: Corpus, window: int, limit: int) -> Cut:
    """Cut at most `limit` windows of `window` tokens; raise ColdforgeError if there is none."""
    check_window(window, limit)
    encoded = (tokens.encode([text])[0] for text in corpus.texts)
    cut = windows(first_tokens(encoded, tokens.end, window * limit), window, limit)
    facts = {
        "corpus": corpus.name,
        "corpus_digest": corpus.digest,
        "dtype": "float32",
        "interval": METHOD,
        "stride": window,
        "tokenizer": tokens.digest,
        "tokens": len(cut) * (window - 1),
        "window": window,
        "windows": len(cut),
    }
    return Cut(cut, facts)
