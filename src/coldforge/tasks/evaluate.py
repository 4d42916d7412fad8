"""evaluate: what quantising cost, by a protocol that is printed."""

from functools import partial
from typing import Any

from invoke.context import Context

from coldforge.tasks._model import HELP, MODEL, flags, full, given, hand_over, outside
from coldforge.tasks._task import emit, task


@partial(
    task,
    help={
        **HELP,
        "model": MODEL,
        "reference": "Original model to measure the distance from.",
        "text": "Text file or folder; else held-out sources of the standard library.",
        "window": "Tokens of a window.",
        "limit": "Windows at most.",
    },
)
def evaluate(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    model: str,
    reference: str = "",
    text: str = "",
    window: int = 512,
    limit: int = 64,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Measure a model's perplexity on held-out text, original or quantised.

    Example: invoke evaluate --model models/demo-int4 --reference models/demo
    """
    from coldforge.model.verbs.evaluate import run_evaluate

    if outside():
        spelled = flags(
            model=full(model), reference=full(reference), text=full(text), window=window,
            limit=limit, json=json,
        )  # fmt: skip
        hand_over("evaluate", spelled, given(model, reference, text), None, yes)
        return
    found = run_evaluate(model, reference or None, text or None, window, limit)
    emit(found, json, table(found))


def table(found: dict[str, Any]) -> str:
    """Say what judging gave, and by which protocol."""
    how = found["protocol"]
    lines = [
        f"perplexity {found['perplexity']:,.4f}",
        f"protocol: {how['windows']} windows of {how['window']} tokens, stride {how['stride']}, "
        f"{how['tokens']:,} tokens judged, {how['dtype']}, {how['corpus']}, "
        f"tokenizer {how['tokenizer'][:12]}",
    ]
    if against := found.get("reference"):
        lines.append(
            f"against {against['model']}: KL {against['kl']:.6f} nats a token, "
            f"top-1 agreement {against['top1_agreement']:.4f}"
        )
    return "\n".join(lines)
