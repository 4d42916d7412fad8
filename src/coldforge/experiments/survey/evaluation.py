"""Evaluate a model against its original's logits, computed once and recorded in a file."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint, read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.evaluate.protocol import Cut, cut_corpus, evaluation_corpus
from coldforge.files.atomic import part_of, publish
from coldforge.files.digest import sha256_json
from coldforge.model.runtime import versions
from coldforge.model.tokens import ModelTokens
from coldforge.progress import step

EVALUATION = 1
"""Raised when the same evaluation would give other numbers than before."""

BYTES = 4  # of a float32
SPARE = 1 << 30
"""Bytes to leave free on the disk."""


@dataclass(frozen=True)
class EvaluationProtocol:
    """What models are evaluated on; an empty `text` means the default corpus's held-out files."""

    text: str
    window: int
    limit: int

    def digest(self) -> str:
        """Identify the text, the windows and the libraries that compute."""
        how = {
            **asdict(self),
            "text": evaluation_corpus(self.text or None).digest,
            "judge": EVALUATION,
        }
        return sha256_json([how, versions()])


def evaluate_original(model: str, protocol: EvaluationProtocol, logits: str) -> dict[str, Any]:
    """Evaluate the original and keep its logits in a file."""
    from coldforge.evaluate.perplexity import score
    from coldforge.model.loading.load import load_model

    checkpoint = read_checkpoint(Path(model))
    cut = _cut(checkpoint, protocol)
    with step("Evaluating the original", cut.tokens, "tokens") as work:
        with LogitsWriter(load_model(checkpoint), cut.windows, Path(logits)) as recording:
            found = score(recording, cut.windows, advance=work.advance)
        work.result = f"perplexity {found.perplexity:,.3f}"
    return {"perplexity": found.perplexity_estimate.json(), "protocol": cut.facts}


def evaluate_variant(model: str, protocol: EvaluationProtocol, logits: str) -> dict[str, Any]:
    """Evaluate a variant against the original's logits."""
    from coldforge.evaluate.perplexity import score
    from coldforge.model.loading.load import load_model

    checkpoint = read_checkpoint(Path(model))
    cut = _cut(checkpoint, protocol)
    with step("Evaluating", cut.tokens, "tokens") as work:
        reference = LogitsReader(cut.windows, Path(logits))
        found = score(load_model(checkpoint), cut.windows, reference, work.advance)
        work.result = f"KL {found.kl.value:.6f}"
    return {
        "perplexity": found.perplexity_estimate.json(),
        "perplexity_ratio": found.ratio.json(),
        "kl": found.kl.json(),
        "top1_agreement": found.top1.json(),
    }


def _cut(checkpoint: Checkpoint, protocol: EvaluationProtocol) -> Cut:
    corpus = evaluation_corpus(protocol.text or None)
    return cut_corpus(ModelTokens(checkpoint.folder), corpus, protocol.window, protocol.limit)


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
