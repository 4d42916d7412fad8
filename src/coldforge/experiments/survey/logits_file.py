"""The original's logits in a file: computed once, read window by window."""

import os
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.files.atomic import part_of, publish

BYTES = 4  # of a float32
SPARE = 1 << 30
"""Bytes to leave free on the disk."""


class LogitsWriter:
    """A model that records its logits while it is evaluated; the file appears when complete."""

    def __init__(self, model: Any, cut: list[list[int]], path: Path) -> None:  # noqa: ANN401
        """Wrap `model`, to be run on the windows `cut`; raise ColdforgeError for a full disk."""
        self.model, self.config, self.path = model, model.config, path
        self.places = {tuple(window): at for at, window in enumerate(cut)}
        needed = BYTES * len(cut) * len(cut[0]) * int(self.config.vocab_size)
        status = os.statvfs(path.parent)
        if needed + SPARE > status.f_bavail * status.f_frsize:
            raise ColdforgeError(
                f"the original's logits need {needed / 1e9:.1f} GB beside {path.parent}",
                "free some space, or evaluate fewer windows: --limit",
            )

    def __enter__(self) -> "LogitsWriter":
        """Open the file."""
        self.stream = part_of(self.path).open("wb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Publish the file unless an error occurred."""
        self.stream.close()
        if kind is None:
            publish(part_of(self.path), self.path)

    def __call__(self, ids: Any, use_cache: bool = False) -> Any:  # noqa: ANN401 - tensors
        """Run the model on one window."""
        found = self.model(ids, use_cache=use_cache)
        data = found.logits[0].float().contiguous().numpy().tobytes()
        os.pwrite(self.stream.fileno(), data, self.places[tuple(ids[0].tolist())] * len(data))
        return found


class LogitsReader:
    """A model that returns recorded logits for some windows."""

    def __init__(self, cut: list[list[int]], path: Path) -> None:
        """Read what a LogitsWriter of the same windows wrote."""
        self.places = {tuple(window): at for at, window in enumerate(cut)}
        self.path, self.size = path, path.stat().st_size // len(cut)

    def __call__(self, ids: Any, use_cache: bool = False) -> Any:  # noqa: ANN401 - tensors
        """Return the logits (1, tokens, words) of one window."""
        import torch

        with self.path.open("rb") as stream:
            stream.seek(self.places[tuple(ids[0].tolist())] * self.size)
            data = bytearray(stream.read(self.size))
        logits = torch.frombuffer(data, dtype=torch.float32).view(1, ids.shape[1], -1)
        return SimpleNamespace(logits=logits)
