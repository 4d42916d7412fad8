"""engine.compare: an engine against the checkpoint it was built of."""

import math
import sys
from functools import partial
from typing import Any

from invoke.context import Context

from coldforge.errors import ColdforgeError
from coldforge.tasks._command import emit, task
from coldforge.tasks._in_image import HELP, MODEL, flags, full, given, hand_over, outside


@partial(
    task,
    help={
        **HELP,
        "checkpoint": MODEL,
        "engine": "Engine built of it.",
        "original": "Model the checkpoint was quantised from; only reported, never a reason.",
        "tolerance": "Largest difference of a logit. Default 1e-4, with int8 activations 0.25.",
        "prompts": "Prompts, of 2 to 64 tokens.",
        "tokens": "Greedy tokens that follow each.",
        "text": "Text file or folder; else held-out sources of the standard library.",
    },
)
def compare(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    checkpoint: str,
    engine: str,
    original: str = "",
    tolerance: str = "",
    prompts: int = 16,
    tokens: int = 64,
    text: str = "",
    yes: bool = False,
    json: bool = False,
) -> None:
    """Compare an engine with its checkpoint in torch, by Polygraphy; exit with 1 if they differ.

    Logits of prompts, and of a token after a filled cache, must be within the tolerance. Greedy
    tokens must be the same but for near ties: places where torch's logits of both tokens are less
    than twice the tolerance apart. With int8 activations the tokens are only reported.

    Example: invoke engine.compare --checkpoint models/demo-int4 --engine engines/demo-int4
    """
    limit = bound(tolerance)
    if outside():
        spelled = flags(
            checkpoint=full(checkpoint), engine=full(engine), original=full(original),
            tolerance=tolerance, prompts=prompts, tokens=tokens, text=full(text), json=json,
        )  # fmt: skip
        reads = given(checkpoint, engine, original, text)
        hand_over("engine.compare", spelled, reads, None, yes)
        return
    from coldforge.engine.commands.compare import run_compare

    found = run_compare(
        checkpoint, engine, original,
        tolerance=limit, prompts=prompts, tokens=tokens, text=text,
    )  # fmt: skip
    emit(found, json, table(found))
    sys.stdout.flush()
    if broken := faults(found):
        print("\n".join(broken), file=sys.stderr)  # noqa: T201
        raise SystemExit(1)


def bound(text: str) -> float | None:
    """Read --tolerance; None where there is none. Raise ColdforgeError."""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ColdforgeError(f"--tolerance {text} is not a positive number", "write 1e-4")
    return value


def faults(found: dict[str, Any]) -> list[str]:
    """Say in a line each why a comparison did not pass; none if it did."""
    if found["passed"]:
        return []
    engine, greedy = found["backends"][0], found["greedy"]
    lines = []
    if not engine["within"]:
        worst = engine["max_abs"]
        error = "not a number" if worst is None else f"{worst:.3g} off"
        lines.append(f"a logit is {error}; the tolerance is {found['tolerance']:g}")
    if greedy["gated"] and not greedy["agrees"]:
        first = next(item for item in greedy["differences"] if not item["near_tie"])
        lines.append(
            f"prompt {first['prompt']} goes another way after {first['at']} tokens, "
            f"where torch prefers its own by {first['gap']:.3g}"
        )
    return lines


def table(found: dict[str, Any]) -> str:
    """Lay the backends out, then the tokens and the verdict."""
    heads = ("", "max abs", "mean abs", "top-1", "KL")
    greedy, how = found["greedy"], found["protocol"]
    ties = f", {greedy['near_ties']} more but for a near tie" if greedy["near_ties"] else ""
    return "\n".join(
        [
            _row(*heads),
            *(_line(item) for item in found["backends"]),
            "",
            f"greedy: {greedy['identical']} of {greedy['prompts']} prompts identical over "
            f"{greedy['tokens']} tokens{ties}{'' if greedy['gated'] else '; only reported'}",
            f"{'passed' if found['passed'] else 'failed'}: {found['precision']}, "
            f"tolerance {found['tolerance']:g} of a logit, against {found['reference']}",
            f"protocol: {how['prompts']} prompts of {min(how['lengths'])} to "
            f"{max(how['lengths'])} tokens, {how['dtype']}, {how['corpus']} "
            f"{how['corpus_digest'][:12]}, tokenizer {how['tokenizer'][:12]}",
        ]
    )


def _line(item: dict[str, Any]) -> str:
    if why := item.get("skipped"):
        return f"{item['name']:<32}skipped: {why}"
    names = ("max_abs", "mean_abs", "top1_agreement", "kl")
    values = (item[name] for name in names)
    return _row(item["name"], *("none" if one is None else f"{one:.3g}" for one in values))


def _row(name: str, *values: str) -> str:
    return f"{name:<32}{''.join(f'{value:>12}' for value in values)}".rstrip()
