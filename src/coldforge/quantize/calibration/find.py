"""Find the calibration asked for: a frozen set, a text to draw from, or the default corpus."""

from dataclasses import replace
from pathlib import Path

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.errors import ColdforgeError
from coldforge.model.corpus import read_texts, standard_library
from coldforge.progress import step
from coldforge.quantize.calibration.calibration import (
    LENGTH,
    SAMPLES,
    Calibration,
    draw,
    is_frozen,
    read_frozen,
)


def calibration_for(
    checkpoint: Checkpoint, given: str | None, samples: int | None, length: int | None, seed: int
) -> Calibration:
    """Return the calibration at `given`, else one from the default corpus.

    `samples` and `length` of None mean all of a frozen set, and the usual size from text. The seed
    draws from text; a frozen set is taken from its beginning. Raise ColdforgeError if it is for
    another tokenizer or smaller than asked.
    """
    from coldforge.model.tokens import ModelTokens

    tokens = ModelTokens(checkpoint.folder)
    if given and is_frozen(Path(given)):
        found = read_frozen(Path(given))
        if found.tokenizer != tokens.digest:
            raise ColdforgeError(
                f"{given} was made for another tokenizer than that of {checkpoint.folder}",
                "make one with this model: invoke calibrate",
            )
        return part(found, samples, length)
    # The default corpus's held-out files are kept for evaluation.
    corpus = read_texts(Path(given)) if given else standard_library().split()[0]
    with step("Drawing calibration windows") as drawing:
        count = SAMPLES if samples is None else samples
        drawn = draw(corpus, tokens, count, LENGTH if length is None else length, seed)
        drawing.result = f"{len(drawn.windows)} of {drawn.length} tokens from {corpus.name}"
    return drawn


def identify(given: str) -> str | None:
    """Return the digest of a frozen set or a text; None for the default corpus."""
    if not given:
        return None
    path = Path(given)
    return read_frozen(path).digest if is_frozen(path) else read_texts(path).digest


def part(whole: Calibration, samples: int | None, length: int | None) -> Calibration:
    """Take the first windows, and of each the first tokens; raise ColdforgeError for too few."""
    complete = (len(whole.windows), whole.length)
    counts = (
        complete[0] if samples is None else samples,
        complete[1] if length is None else length,
    )
    if counts == complete:
        return whole
    for count, most, what, flag in zip(
        counts, complete, ("windows", "tokens a window"), ("--samples", "--length"), strict=True
    ):
        if not 1 <= count <= most:
            raise ColdforgeError(
                f"the calibration set has {most} {what}, {count} were asked for",
                f"lower {flag}, or make a larger set: invoke calibrate",
            )
    windows = [window[: counts[1]] for window in whole.windows[: counts[0]]]
    return replace(whole, windows=windows, made={**whole.made, "part_of": whole.digest})
