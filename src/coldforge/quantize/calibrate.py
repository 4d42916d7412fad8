"""Make a calibration set and freeze it in a file."""

import time
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint, read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.model.card_facts import circumstances
from coldforge.model.corpus import read_texts
from coldforge.model.loading.load import load_model
from coldforge.model.runtime import prepare
from coldforge.model.tokens import ModelTokens
from coldforge.progress import say, step
from coldforge.quantize.calibration.calibration import (
    LENGTH,
    SAMPLES,
    Calibration,
    draw,
    refuse_other,
    write_frozen,
)
from coldforge.quantize.calibration.generator import GenerationPlan, Generator
from coldforge.quantize.calibration.questions import read_questions, seeds
from coldforge.quantize.calibration.sampling import Sampler, end_tokens
from coldforge.quantize.calibration.self_generated import generate_calibration

ANSWER = 256  # tokens of an answer at most, unless asked otherwise
TEMPERATURE = 0.8


def run_calibrate(  # noqa: PLR0913 - a flag each
    model: str,
    out: str,
    *,
    questions: str | None = None,
    text: str | None = None,
    samples: int = SAMPLES,
    length: int = LENGTH,
    answer: int = ANSWER,
    temperature: float = TEMPERATURE,
    seed: int = 0,
) -> dict[str, Any]:
    """Draw windows from `text`, else let `model` answer `questions`, else the seeds; into `out`."""
    started, place = time.monotonic(), Path(out).absolute()
    if text and questions:
        raise ColdforgeError("--text and --questions exclude each other", "give one of them")
    checkpoint = read_checkpoint(Path(model))
    refuse_other(place)
    plan = GenerationPlan(samples, length, answer, temperature, seed)
    plan.check()
    prepare()
    found = _drawn(checkpoint, text, plan) if text else _written(checkpoint, questions, plan, place)
    if len(found.windows) < samples:
        say(f"  {len(found.windows)} of {samples} windows; more questions give more")
    write_frozen(place, found)
    return {"out": out, **found.facts, **circumstances("calibrate", started)}


def _drawn(checkpoint: Checkpoint, text: str, plan: GenerationPlan) -> Calibration:
    corpus = read_texts(Path(text))
    with step("Drawing windows", None, "windows") as drawing:
        tokens = ModelTokens(checkpoint.folder)
        found = draw(corpus, tokens, plan.samples, plan.length, plan.seed)
        drawing.result = f"{len(found.windows)} of {found.length} tokens from {corpus.name}"
    return found


def _written(
    checkpoint: Checkpoint, questions: str | None, plan: GenerationPlan, place: Path
) -> Calibration:
    asked = read_questions(Path(questions)) if questions else seeds()
    tokens = ModelTokens(checkpoint.folder)
    model = load_model(checkpoint)
    sampler = Sampler(model, end_tokens(model, tokens.end), plan.temperature)
    sidecar = place.with_name(f"{place.name}.answers")
    return generate_calibration(Generator(sampler, tokens, asked, plan), checkpoint.digest, sidecar)
