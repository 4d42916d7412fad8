"""Make and evaluate the variants that methods list; killed, the same call continues."""

import time
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.demo.architectures import KINDS as ALL_KINDS
from coldforge.demo.demo import run_demo
from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.evaluate.evaluate import LIMIT
from coldforge.experiments.survey.eta import Eta
from coldforge.experiments.survey.evaluation import EvaluationProtocol
from coldforge.experiments.survey.model_run import ORIGINAL, ModelRun, SurveyPlan
from coldforge.experiments.survey.report import write_report
from coldforge.experiments.survey.subprocess import run_in_subprocess
from coldforge.files.output import read_card, refuse_foreign, write_card
from coldforge.model.card_facts import DEMO, WINDOW, circumstances
from coldforge.model.runtime import prepare
from coldforge.progress import say
from coldforge.quantize.methods.method import BOTH, HALF, WEIGHTS, Variant
from coldforge.quantize.preflight import check
from coldforge.quantize.registry import methods

SURVEY = "survey"
KINDS = tuple(name for name, kind in ALL_KINDS.items() if kind.surveyed)
"""Demo models, each in a folder of its name."""

ORDER = (HALF, WEIGHTS, BOTH)


def run_survey(  # noqa: PLR0913 - a flag each
    models: list[str],
    out: str,
    *,
    demo: bool = False,
    methods: str = "",
    samples: int | None = None,
    calibration: str = "",
    text: str = "",
    limit: int = LIMIT,
    steps: int | None = None,
) -> dict[str, Any]:
    """Survey `models`, and demo models trained for `steps`, into `out`; see `choose_variants`.

    The result lists under `failed` the variants that failed; the others are complete.
    """
    started, place = time.monotonic(), Path(out).absolute()
    plan = SurveyPlan(
        choose_variants(methods), samples, calibration, EvaluationProtocol(text, WINDOW, limit)
    )
    named = name_models(models, KINDS if demo else ())
    refuse_foreign(place, SURVEY)
    for folder in named.values():
        check(read_checkpoint(folder), "float32", "", "", {})
    prepare()
    place.mkdir(parents=True, exist_ok=True)
    write_card(place, SURVEY, {})
    eta = Eta(
        [variant.name for _ in range(len(named) + demo * len(KINDS)) for variant in plan.variants]
    )
    folders = [(kind, _trained(place, kind, steps)) for kind in KINDS if demo]
    runs = [
        ModelRun(place / name, read_checkpoint(folder), plan, eta)
        for name, folder in [*folders, *named.items()]
    ]
    found = [run.run() for run in runs]
    failed = [
        f"{model['name']} {variant['way']}"
        for model in found
        for variant in model["ways"]
        if variant["status"] == "failed"
    ]
    result = {"models": found, "failed": failed, **circumstances("survey", started)}
    write_report(place, result)
    return result


def name_models(models: list[str], taken: tuple[str, ...]) -> dict[str, Path]:
    """Map folder names to models; raise ColdforgeError for none, or two of one name."""
    if not models and not taken:
        raise ColdforgeError("no model to survey", "name one: --model DIR, or train some: --demo")
    named: dict[str, Path] = {}
    for model in models:
        folder = Path(model).resolve()
        if folder.name in taken or named.get(folder.name, folder) != folder:
            raise ColdforgeError(
                f"two models are named {folder.name}", "rename a folder, or survey them separately"
            )
        named[folder.name] = folder
    return named


def _trained(place: Path, kind: str, steps: int | None) -> Path:
    """Return the folder of a demo model, trained now unless an earlier run did."""
    from coldforge.demo.training import Recipe

    folder = place / kind / ORIGINAL
    card = read_card(folder)
    recipe = Recipe(kind) if steps is None else Recipe(kind, steps=steps)
    wanted = (DEMO, kind, recipe.steps, recipe.seed)
    if tuple(card.get(name) for name in ("kind", "architecture", "steps", "seed")) == wanted:
        say(f"{kind} was trained before")
    else:
        run_in_subprocess(run_demo, str(folder), steps=steps, kind=kind)
    return folder


def variants() -> list[Variant]:
    """List the variants of all methods, kind by kind, within a kind by the method's name."""
    found = [item for method in methods().values() for item in method.variants]
    return sorted(found, key=lambda item: ORDER.index(item.kind))


def choose_variants(text: str) -> list[Variant]:
    """Take the variants named, or all of a method named; all of an empty text.

    Names are separated by commas. Raise UnknownNameError for one that is neither.
    """
    known = variants()
    asked = {name.strip() for name in text.split(",")} - {""}
    names = {item.name for item in known} | {item.method for item in known}
    for name in sorted(asked - names):
        raise UnknownNameError("variant", name, [item.name for item in known])
    return [item for item in known if not asked or {item.name, item.method} & asked]
