"""Train a demo model into a folder."""

import time
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.demo.architectures import check_kind
from coldforge.demo.recipe import Recipe
from coldforge.errors import ColdforgeError
from coldforge.files.output import refuse_foreign, whole, write_card
from coldforge.model.card_facts import DEMO, circumstances
from coldforge.model.runtime import prepare


def run_demo(
    out: str, seed: int = 0, steps: int | None = None, kind: str = Recipe.kind
) -> dict[str, Any]:
    """Train a demo model of a kind into `out`; `steps` shortens or lengthens it."""
    from coldforge.demo.demo import train

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
