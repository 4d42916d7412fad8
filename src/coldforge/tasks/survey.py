"""survey: every variant of a model, with its cost, in one table."""

from functools import partial
from pathlib import Path
from typing import Any

from invoke.context import Context

from coldforge.tasks._command import emit, everywhere, task
from coldforge.tasks._in_image import HELP, flags, full, given, outside


@partial(
    task,
    iterable=["model"],
    help={
        **HELP,
        "model": "Model directory to survey; once for each.",
        "out": "Folder for checkpoints, survey.json, survey.md and charts.",
        "demo": "Train demo models and survey them: llama, gqa, gpt2.",
        "methods": "Variants or methods, by comma; else all: gptq-4, rtn, …",
        "calibration": "Frozen set, text file or folder; else the standard library's sources.",
        "samples": "Calibration windows; else all of a set, 128 from text.",
        "text": "Text file or folder for evaluation; else held-out standard library sources.",
        "limit": "Windows evaluated at most.",
    },
)
def survey(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    model: list[str],
    out: str,
    demo: bool = False,
    methods: str = "",
    calibration: str = "",
    samples: int = 0,
    text: str = "",
    limit: int = 64,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Store models by every method; print what each variant takes and what it costs.

    Killed, the same command continues. A variant that fails does not stop the others.

    Example: invoke survey --model models/demo --methods gptq,rtn-4 --out surveys/demo
    """
    from coldforge.errors import ColdforgeError
    from coldforge.experiments.survey.report import table
    from coldforge.experiments.survey.survey import KINDS, choose_variants, name_models, run_survey

    options: dict[str, Any] = {
        "demo": demo,
        "methods": methods,
        "samples": samples or None,
        "limit": limit,
    }
    if outside():
        choose_variants(methods)
        name_models(model, KINDS if demo else ())
        spelled = [f"--model={full(path)}" for path in model]
        spelled += flags(
            out=full(out), calibration=full(calibration), text=full(text), json=json, **options
        )
        _hand_over(spelled, given(*model, calibration, text), Path(full(out)), yes)
        return
    found = run_survey(model, out, calibration=calibration, text=text, **options)
    emit(found, json, table(found))
    if found["failed"]:
        raise ColdforgeError(
            f"failed: {', '.join(found['failed'])}",
            "their errors stand above; the same command tries them again",
        )


def _hand_over(spelled: list[str], reads: list[Path], out: Path, yes: bool) -> None:
    """Run in the image, which writes into `out` directly: results stay if it is killed."""
    from coldforge.experiments.survey.survey import SURVEY
    from coldforge.files.output import refuse_foreign
    from coldforge.tasks._in_image import Inside, run

    refuse_foreign(out, SURVEY)
    run(Inside("survey", spelled, reads, [out], yes=yes))


TASKS = everywhere(survey)
