"""A worker process that loads a model and continues a prompt on request.

A request names a method of `ModelWorker`. In its own process a model's peak memory can be measured,
and two models can run in turn.
"""

import gc
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.evaluate.workers.worker import serve_here
from coldforge.model.process_stats import peak_rss, rss
from coldforge.model.runtime import prepare


class ModelWorker:
    """A model directory, and the model once it is loaded."""

    def __init__(self, folder: str) -> None:
        """Check the directory and import the libraries; their memory is not the model's."""
        self.checkpoint = read_checkpoint(Path(folder))
        prepare()
        from coldforge.model.loading.load import load_model
        from coldforge.model.tokens import ModelTokens

        self._load = load_model
        self.tokens = ModelTokens(self.checkpoint.folder)
        self.model: Any = None

    def facts(self) -> dict[str, Any]:
        """Return what is known without loading the model."""
        from coldforge.files.output import read_card

        return {
            "model": str(self.checkpoint.folder),
            "digest": self.checkpoint.digest,
            "bits_per_weight": self.checkpoint.bits_per_weight,
            "disk_bytes": self.checkpoint.disk_bytes,
            "card": read_card(self.checkpoint.folder),
            "libraries_rss_bytes": rss(),
            "tokenizer": self.tokens.digest,
        }

    def load(self) -> dict[str, Any]:
        """Load the model, in place of one loaded before; return the time it took."""
        self.model = None
        gc.collect()
        started = time.perf_counter()
        self.model = self._load(self.checkpoint)
        return {"seconds": time.perf_counter() - started}

    def infer(self, prompt: str, most: int) -> dict[str, Any]:
        """Continue the prompt by `most` tokens; return them and the time of each.

        The end token does not stop it, so that both models do the same work; it ends the text.
        """
        from coldforge.model.generate import following, start

        ids, left = start(self.model, self.tokens, prompt, most)
        started = time.perf_counter()
        timed = [
            (chosen, time.perf_counter() - started)
            for chosen in following(self.model, ids, min(most, left))
        ]
        chosen = [token for token, _ in timed]
        end = chosen.index(self.tokens.end) if self.tokens.end in chosen else len(chosen)
        text = self.tokens.tokenizer.decode(chosen[:end])
        return {"prompt_tokens": len(ids), "ids": chosen, "at": [at for _, at in timed],
                "text": text}  # fmt: skip

    def memory(self) -> dict[str, Any]:
        """Return the peak memory of this process."""
        return {"peak_rss_bytes": peak_rss()}


def main() -> None:
    """Serve the model directory that the command line names."""
    serve_here(partial(ModelWorker, sys.argv[1]))


if __name__ == "__main__":
    main()
