"""generate: text from a prompt."""

import sys
from functools import partial

from invoke.context import Context

from coldforge.tasks._command import emit, everywhere, task
from coldforge.tasks._in_image import HELP, MODEL, flags, full, given, hand_over, outside


@partial(
    task,
    help={
        **HELP,
        "model": MODEL,
        "engine": "Engine directory instead; see engine.build.",
        "prompt": "Text to continue.",
        "max_new_tokens": "Tokens at most.",
    },
)
def generate(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    prompt: str,
    model: str = "",
    engine: str = "",
    max_new_tokens: int = 64,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Continue a prompt with a model or an engine, the likeliest token each time.

    Example: invoke generate --model models/demo-int4 --prompt "import os"
    """
    from coldforge.errors import ColdforgeError

    if bool(model) == bool(engine):
        raise ColdforgeError("give --model or --engine, one of them", "see: invoke --help generate")
    if outside():
        spelled = flags(
            model=full(model), engine=full(engine), prompt=prompt,
            max_new_tokens=max_new_tokens, json=json,
        )  # fmt: skip
        hand_over("generate", spelled, given(model, engine), None, yes)
        return
    if engine:
        from coldforge.engine.commands.run import run_generate as continued
    else:
        from coldforge.model.generate import run_generate as continued
    live = sys.stdout.isatty() and not json
    found = continued(engine or model, prompt, max_new_tokens, live)
    emit(found, json, "" if live else found["prompt"] + found["text"])


TASKS = everywhere(generate)
