"""Evaluate a model against its original's recorded logits."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint, read_checkpoint
from coldforge.evaluate.protocol import Cut, cut_corpus, evaluation_corpus
from coldforge.experiments.survey.logits_file import LogitsReader, LogitsWriter
from coldforge.files.digest import sha256_json
from coldforge.model.runtime import versions
from coldforge.model.tokens import ModelTokens
from coldforge.progress import step

EVALUATION = 1
"""Raised when the same evaluation would give other numbers than before."""


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
