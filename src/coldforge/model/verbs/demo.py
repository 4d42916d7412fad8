"""Train a demo model into a folder."""

import time
from pathlib import Path
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.model.checkpoint import read_checkpoint
from coldforge.model.output import refuse_foreign, whole, write_card
from coldforge.model.runtime import prepare
from coldforge.model.verbs.facts import DEMO, circumstances


def run_demo(
    out: str, seed: int = 0, steps: int | None = None, kind: str = "llama"
) -> dict[str, Any]:
    """Train a demo model of a kind into `out`; `steps` shortens or lengthens it."""
    from coldforge.model.demo.architectures import check_kind
    from coldforge.model.demo.demo import train
    from coldforge.model.demo.recipe import Recipe

    check_kind(kind)
    if steps is not None and steps < 1:
        raise ColdforgeError(f"cannot train for {steps} steps", "choose --steps of 1 or more")
    place, started = Path(out), time.monotonic()
    refuse_foreign(place, DEMO)
    prepare()
    recipe = Recipe(kind, seed) if steps is None else Recipe(kind, seed, steps)
    with whole(place, DEMO) as part:
        facts = train(part, recipe)
        facts["digest"] = read_checkpoint(part).digest
        facts |= {"seed": seed, "steps": recipe.steps, **circumstances("model.demo", started)}
        write_card(part, DEMO, facts)
    return facts
