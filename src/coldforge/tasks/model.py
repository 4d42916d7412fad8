"""model.demo: a small model to quantise, trained from scratch."""

from functools import partial
from typing import Any

from invoke.collection import Collection
from invoke.context import Context

from coldforge.demo.architectures import KINDS, check_kind
from coldforge.demo.training import Recipe
from coldforge.tasks._command import emit, everywhere, task
from coldforge.tasks._in_image import HELP, flags, hand_over, making, outside


def _described(name: str) -> str:
    summary = KINDS[name].summary
    return f"{name} ({summary})" if summary else name


@partial(
    task,
    help={
        **HELP,
        "out": "Folder to make.",
        "kind": f"Kind of model: {', '.join(map(_described, KINDS))}.",
        "seed": "Of weights and order.",
        "steps": "Optimiser steps.",
    },
)
def demo(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    out: str,
    kind: str = Recipe.kind,
    seed: int = 0,
    steps: int = 0,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Train a small model on the Python standard library's sources. Two to four minutes.

    Example: invoke model.demo --kind gqa --out models/demo
    """
    from coldforge.demo.demo import run_demo
    from coldforge.model.card_facts import DEMO

    check_kind(kind)
    if outside():
        with making(out, DEMO) as staged:
            spelled = flags(out=staged, kind=kind, seed=seed, steps=steps, json=json)
            hand_over("model.demo", spelled, [], staged, yes)
        return
    emit(found := run_demo(out, seed, steps or None, kind), json, table(found))


def table(found: dict[str, Any]) -> str:
    """Summarise the training for people."""
    return (
        f"{found['architecture']}, {found['parameters']:,} parameters, "
        f"{found['learned_tokens']:,} tokens learned\n"
        f"held-out perplexity: untrained {found['perplexity_untrained']:,.1f}, "
        f"trained {found['perplexity']:,.2f} ({found['judged_tokens']:,} tokens)\n"
        f"digest {found['digest']} ({found['seconds']:.0f} s)"
    )


TASKS = everywhere(Collection("model", demo))
