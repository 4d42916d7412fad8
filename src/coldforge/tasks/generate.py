"""generate: text from a prompt."""

import sys
from functools import partial

from invoke.context import Context

from coldforge.tasks._model import HELP, MODEL, flags, full, given, hand_over, outside
from coldforge.tasks._task import emit, task


@partial(
    task,
    help={
        **HELP,
        "model": MODEL,
        "prompt": "Text to continue.",
        "max_new_tokens": "Tokens at most.",
    },
)
def generate(
    context: Context,
    model: str,
    prompt: str,
    max_new_tokens: int = 64,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Continue a prompt, the likeliest token each time.

    Example: invoke generate --model models/demo-int4 --prompt "import os"
    """
    from coldforge.model.verbs.generate import run_generate

    if outside():
        spelled = flags(model=full(model), prompt=prompt, max_new_tokens=max_new_tokens, json=json)
        hand_over("generate", spelled, given(model), None, yes)
        return
    live = sys.stdout.isatty() and not json
    found = run_generate(model, prompt, max_new_tokens, live)
    emit(found, json, "" if live else found["prompt"] + found["text"])
