"""Evaluate a model on text, alone or against its original."""

import time
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint, read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.evaluate.gate import Bounds, Measure
from coldforge.evaluate.perplexity import Score, check_window
from coldforge.model.card_facts import WINDOW, circumstances, refuse_changed, sizes
from coldforge.model.process_stats import peak_rss
from coldforge.model.runtime import prepare
from coldforge.progress import step

LIMIT = 64  # windows, unless asked otherwise


def run_evaluate(
    model: str,
    reference: str | None = None,
    text: str | None = None,
    window: int = WINDOW,
    limit: int = LIMIT,
) -> dict[str, Any]:
    """Evaluate `model` on `text`, else the default corpus's held-out files; compare to `reference`.

    Raise ColdforgeError for windows without a token to predict, for text shorter than a window and
    for a reference with another tokenizer.
    """
    started = time.monotonic()
    checkpoint = read_checkpoint(Path(model))
    original = read_checkpoint(Path(reference)) if reference else None
    check_window(window, limit)
    for item in filter(None, (checkpoint, original)):
        refuse_changed(item)
    prepare()
    from coldforge.evaluate.perplexity import score
    from coldforge.evaluate.protocol import cut_corpus, evaluation_corpus
    from coldforge.model.loading.load import load_model
    from coldforge.model.tokens import ModelTokens

    tokens = ModelTokens(checkpoint.folder)
    if original and ModelTokens(original.folder).digest != tokens.digest:
        raise ColdforgeError(
            f"{model} and {reference} have different tokenizers",
            "name the model's original",
        )
    cut = cut_corpus(tokens, evaluation_corpus(text), window, limit)
    with step("Evaluating the model", cut.tokens, "tokens") as work:
        reference_model = load_model(original) if original else None
        found = score(load_model(checkpoint), cut.windows, reference_model, work.advance)
        work.result = f"perplexity {found.perplexity:,.3f}"
    result = _measured(model, checkpoint, found) | {"protocol": cut.facts}
    if reference:
        result["reference"] = _compared(reference, found)
    return result | {"peak_rss_bytes": peak_rss(), **circumstances("evaluate", started)}


def _measured(model: str, checkpoint: Checkpoint, found: Score) -> dict[str, Any]:
    return {
        "model": model,
        "digest": checkpoint.digest,
        "perplexity": found.perplexity,
        "perplexity_interval": found.perplexity_estimate.bounds,
        "bits_per_weight": checkpoint.bits_per_weight,
        **sizes(checkpoint),
    }


def _compared(reference: str, found: Score) -> dict[str, Any]:
    return {
        "model": reference,
        "kl": found.kl.value,
        "kl_interval": found.kl.bounds,
        "top1_agreement": found.top1.value,
        "top1_agreement_interval": found.top1.bounds,
        "perplexity": found.reference_perplexity.value,
        "perplexity_ratio": found.ratio.value,
        "perplexity_ratio_interval": found.ratio.bounds,
    }


def names(compared: bool) -> list[str]:
    """List the metrics of an evaluation on text, as a gate names them."""
    return ["ppl", *(("kl", "top1") if compared else ())]


def measures(found: dict[str, Any]) -> dict[str, Measure]:
    """Return the metrics, as a gate names them; changes of the perplexity in per cent."""
    interval = found["perplexity_interval"]
    against = found.get("reference")
    if not against:
        return {"ppl": Measure(found["perplexity"], interval)}
    ratio: Bounds | None = against["perplexity_ratio_interval"]
    change = (_per_cent(ratio[0]), _per_cent(ratio[1])) if ratio else None
    grown = _per_cent(against["perplexity_ratio"])
    return {
        "ppl": Measure(found["perplexity"], interval, grown, change),
        "kl": Measure(against["kl"], against["kl_interval"]),
        "top1": Measure(against["top1_agreement"], against["top1_agreement_interval"]),
    }


def _per_cent(ratio: float) -> float:
    return 100 * (ratio - 1)
