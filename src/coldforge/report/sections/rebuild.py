"""The commands that reproduce the results."""

import re
import shlex
from collections.abc import Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

from coldforge.quantize.registry import all_settings
from coldforge.report.page.model import RebuildCommand, Section
from coldforge.report.results.engine import Bench, BuiltEngine
from coldforge.report.results.gather import Runs
from coldforge.report.results.model import CalibrationFacts
from coldforge.report.results.models import Model, Models, benches_of
from coldforge.report.sections import SectionMaker

INVOKE = "./invokew"
FROZEN = "calibration.json"
DEFAULT_TEXT = re.compile(r"|python-[\d.]+-stdlib/(train|held-out)")
"""The default texts for calibration and evaluation: the standard library's sources."""


def make(runs: Runs, models: Models) -> Section | None:
    """Write a command for each checkpoint, evaluation, engine and bench."""
    found = [command for model in models.values() if (command := _quantise(model, models))]
    found += [
        command
        for model, _ in models.pairs()
        if model.evaluation and (command := _evaluate(model, models))
    ]
    for item in runs.of(BuiltEngine):
        name = item.name.removeprefix("engine.build-")
        found.append(
            _dry(item.result) if item.result.dry_run else _build(name, item.result, models)
        )
    found += [_bench(item) for item in benches_of(runs)]
    if not found:
        return None
    lead = "Names are folders on your machine; the digests above identify them. The same"
    lead += " image, model, calibration and settings give the same bytes."
    return Section("rebuild", "Rebuild", lead, commands=found)


def _quantise(model: Model, models: Models) -> RebuildCommand | None:
    made = model.quantised
    if not made:
        return None
    calibration = made.calibration or CalibrationFacts()
    spelled = [f"--model={models.name(made.model_digest)}", f"--method={made.method}"]
    opposites = {name: item.off for name, item in all_settings().items() if item.off}
    spelled += _flags(made.parameters, opposites)
    spelled += [f"--calibration={name}"] if (name := _calibration(calibration)) else []
    spelled += _flags({"samples": calibration.samples, "length": calibration.length})
    spelled += [f"--seed={made.seed}", f"--out={model.name}"]
    return RebuildCommand(f"Quantise {model.name}", _spell("quantize", spelled))


def _calibration(calibration: CalibrationFacts) -> str:
    """Name the calibration text or frozen set; empty for the default."""
    return _text(calibration.corpus) if calibration.way == "drawn" else FROZEN


def _text(corpus: str) -> str:
    """Name a user's text; empty for the default."""
    return "" if DEFAULT_TEXT.fullmatch(corpus) else PurePath(corpus).name


def _evaluate(model: Model, models: Models) -> RebuildCommand | None:
    evaluation = model.evaluation
    if not evaluation:
        return None
    how = evaluation.protocol
    spelled = [f"--model={model.name}"]
    if evaluation.reference and model.original:
        spelled.append(f"--reference={models.name(model.original)}")
    spelled += [f"--text={name}"] if (name := _text(how.corpus)) else []
    spelled += _flags({"window": how.window, "limit": how.windows})
    return RebuildCommand(f"Evaluate {model.name}", _spell("evaluate", spelled))


def _dry(built: BuiltEngine) -> RebuildCommand:
    """Show a release's commands from a dry run."""
    title = f"Commands of {built.backend} {built.release or ''}, not run"
    return RebuildCommand(title, "\n".join(built.text))


def _build(name: str, built: BuiltEngine, models: Models) -> RebuildCommand:
    spelled = [f"--backend={built.backend}"]
    spelled += [f"--release={built.release}"] if built.release else []
    if built.checkpoint:
        spelled.insert(0, f"--checkpoint={models.name(built.checkpoint)}")
    spelled += _flags(built.settings)
    return RebuildCommand(f"Build {name}", _spell("engine.build", [*spelled, f"--out={name}"]))


def _bench(bench: Bench) -> RebuildCommand:
    spelled = [f"--engine={engine.name}" for engine in bench.engines]
    how = bench.protocol
    spelled += [f"--grid={';'.join(','.join(map(str, at)) for at in how.grid)}"] if how.grid else []
    keys = ("batch_size", "repeats", "warmup", "threads")
    spelled += _flags({key: getattr(how, key) for key in keys})
    return RebuildCommand("Measure again", _spell("bench", spelled))


def _flags(given: dict[str, Any], opposites: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """Spell parameters as flags; what is not set needs none.

    `opposites` maps a parameter to the flag that turns it off.
    """
    spelled = []
    for key, value in given.items():
        flag = f"--{opposites.get(key, key).replace('_', '-')}"
        if value is (key not in opposites):
            spelled.append(flag)
        elif value is not None and not isinstance(value, bool | dict | list) and value != "":
            spelled.append(f"{flag}={PurePath(value).name if isinstance(value, str) else value}")
    return spelled


def _spell(task: str, flags: list[str]) -> str:
    """Write a command, its parts quoted as a shell needs it."""
    return " ".join([INVOKE, task, *map(_quoted, flags)])


def _quoted(flag: str) -> str:
    name, _, value = flag.partition("=")
    return f"{name} {shlex.quote(value)}" if value else name


SECTION = SectionMaker(order=110, make=make)
