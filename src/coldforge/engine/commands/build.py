"""Build an engine from a checkpoint, here; its backend writes it."""

import time
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.engine.backend import BUILT, complete, find_backend, runtimes
from coldforge.engine.card import ENGINE, write_engine
from coldforge.files.output import whole
from coldforge.model.card_facts import circumstances, refuse_changed


def run_build(
    checkpoint: str,
    out: str,
    backend: str = BUILT,
    **asked: Any,  # noqa: ANN401 - the backend's options
) -> dict[str, Any]:
    """Write an engine of `checkpoint` to `out`; `asked`: the backend's own options.

    Raise ColdforgeError for what the backend cannot hold.
    """
    started = time.monotonic()
    chosen = find_backend(backend)
    options = complete(chosen, asked)
    chosen.check(options)
    source = read_checkpoint(Path(checkpoint))
    refuse_changed(source)
    with whole(Path(out), ENGINE) as folder:
        facts: dict[str, Any] = {
            "backend": chosen.name,
            "checkpoint": source.digest,
            **chosen.build(source, folder, options),
            **circumstances("engine.build", started),
        }
        facts["versions"] |= runtimes()
        card = write_engine(folder, facts)
    return {"out": out, **card}
