"""compare: an original and its quantised version side by side."""

from functools import partial
from typing import Any

from invoke.context import Context

from coldforge.tasks._command import emit, everywhere, task
from coldforge.tasks._in_image import HELP, MODEL, flags, full, given, hand_over, outside


@partial(
    task,
    help={
        **HELP,
        "model": MODEL,
        "quantized": "Its quantised version.",
        "prompt": "Text that both continue; a few lines of Python unless given.",
        "max_new_tokens": "Tokens each writes.",
        "repeats": "Timed runs of each side, taken in turn.",
    },
)
def compare(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    model: str,
    quantized: str,
    prompt: str = "",
    max_new_tokens: int = 32,
    repeats: int = 10,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Measure time, memory, disk and text of a model before and after quantising.

    Each side runs in a process of its own, with one thread, weights in float32.

    Example: invoke compare --model models/demo --quantized models/demo-int4
    """
    from coldforge.evaluate.compare import PROMPT, run_compare

    if outside():
        spelled = flags(
            model=full(model), quantized=full(quantized), prompt=prompt,
            max_new_tokens=max_new_tokens, repeats=repeats, json=json,
        )  # fmt: skip
        hand_over("compare", spelled, given(model, quantized), None, yes)
        return
    found = run_compare(model, quantized, prompt or PROMPT, max_new_tokens, repeats)
    emit(found, json, table(found))


def table(found: dict[str, Any]) -> str:
    """Lay both sides out, then their texts, the flow and the protocol."""
    from coldforge.progress import amount

    sides = (found["original"], found["quantised"])
    rows = [
        ("", "original", "quantised"),
        ("time to load", *(_time(side["load_seconds"]) for side in sides)),
        ("time to first token", *(_time(side["first_token_seconds"]) for side in sides)),
        ("time per token", *(_time(side["token_seconds"]) for side in sides)),
        ("peak memory", *(amount(side["peak_rss_bytes"]) for side in sides)),
        ("  without libraries", *(amount(_own(side)) for side in sides)),
        ("bytes on disk", *(amount(side["disk_bytes"]) for side in sides)),
        ("bits per linear weight", *(f"{side['bits_per_weight']:.3f}" for side in sides)),
    ]
    how = found["protocol"]
    return "\n".join(
        [
            *(f"{name:<24}{one:>30}{two:>30}".rstrip() for name, one, two in rows),
            "",
            f"prompt     {found['prompt']!r}",
            f"original   {sides[0]['text']!r}",
            f"quantised  {sides[1]['text']!r}",
            "",
            found["flow"],
            f"protocol: {how['prompt_tokens']} tokens in, {how['new_tokens']} out, greedy, "
            f"{how['repeats']} runs of each side in turn after {how['warmup']} to warm up, "
            f"{how['loads']} loads from the page cache; median ({how['spread']}); "
            f"{how['dtype']}, {how['threads']} thread, tokenizer {how['tokenizer'][:12]}",
        ]
    )


def _own(side: dict[str, Any]) -> int:
    """Return the bytes that the libraries alone did not hold."""
    own: int = side["peak_rss_bytes"] - side["libraries_rss_bytes"]
    return own


def _time(found: dict[str, float]) -> str:
    """Write a median and its spread in milliseconds."""
    low, high = 1000 * found["p10"], 1000 * found["p90"]
    return f"{1000 * found['median']:,.1f} ms ({low:,.1f} to {high:,.1f})"


TASKS = everywhere(compare)
