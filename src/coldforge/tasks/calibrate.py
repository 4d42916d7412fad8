"""calibrate: a calibration set, made once, identified by its digest and used again."""

from functools import partial
from pathlib import Path
from typing import Any

from invoke.context import Context

from coldforge.tasks._command import emit, everywhere, task
from coldforge.tasks._in_image import HELP, MODEL, flags, full, given, hand_over, outside


@partial(
    task,
    help={
        **HELP,
        "model": MODEL,
        "out": "File to make.",
        "questions": "Text, one a line, or .jsonl (question, prompt or instruction); else seeds.",
        "text": "Text file or folder to draw from, instead of letting the model answer.",
        "samples": "Windows.",
        "length": "Tokens of a window.",
        "answer": "Tokens of an answer at most.",
        "temperature": "Of the answers; 0 for the likeliest token each time.",
        "seed": "Of what is drawn.",
    },
)
def calibrate(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    model: str,
    out: str,
    questions: str = "",
    text: str = "",
    samples: int = 128,
    length: int = 512,
    answer: int = 256,
    temperature: float = 0.8,
    seed: int = 0,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Freeze a calibration set: the model's own answers to questions, or windows of a text.

    Killed, the same command continues from OUT.answers. Use it with: quantize --calibration OUT.
    Example: invoke calibrate --model models/demo --questions asked.txt --out asked.cal
    """
    from coldforge.quantize.calibrate import run_calibrate

    options: dict[str, Any] = {
        "samples": samples, "length": length, "answer": answer, "temperature": temperature,
        "seed": seed,
    }  # fmt: skip
    if outside():
        place = Path(out).resolve()
        spelled = flags(
            model=full(model), questions=full(questions), text=full(text), out=place, json=json,
            **options,
        )  # fmt: skip
        hand_over("calibrate", spelled, given(model, questions, text), place, yes)
        return
    found = run_calibrate(model, out, questions=questions or None, text=text or None, **options)
    emit(found, json, table(found))


def table(found: dict[str, Any]) -> str:
    """Summarise the set for people."""
    lines = [f"{found['samples']} windows of {found['length']} tokens, {found['corpus']}"]
    if found["way"] == "self-generated":
        drops = [f"{count} {why}" for why, count in sorted(found["dropped"].items()) if count]
        tail = f"; dropped: {', '.join(drops)}" if drops else ""
        lines.append(f"{found['kept']} of {found['answered']} answers kept{tail}")
    return "\n".join([*lines, f"digest {found['digest']} ({found['seconds']:.0f} s)"])


TASKS = everywhere(calibrate)
