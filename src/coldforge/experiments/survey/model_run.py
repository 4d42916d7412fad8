"""A survey of one model: each variant made and evaluated in its own process, and recorded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint, read_checkpoint
from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.experiments.survey.eta import Eta
from coldforge.experiments.survey.evaluation import (
    EvaluationProtocol,
    evaluate_original,
    evaluate_variant,
)
from coldforge.experiments.survey.report import brief
from coldforge.experiments.survey.subprocess import run_in_subprocess
from coldforge.files.digest import sha256_json
from coldforge.files.notes import read_note, write_note
from coldforge.files.output import read_card
from coldforge.model.card_facts import sizes
from coldforge.model.families.blocks import linear_inputs
from coldforge.model.runtime import versions
from coldforge.quantize.calibration.find import identify
from coldforge.quantize.methods.method import Variant
from coldforge.quantize.preflight import check
from coldforge.quantize.quantize import SOLVER, run_quantize

FACTS = (
    "digest", "disk_bytes", "linear_bytes", "linear_fp16_bytes", "seconds", "peak_rss_bytes",
)  # fmt: skip
"""Fields of the card of a quantised model that a row shows."""
ORIGINAL = "original"
"""Name of the original's evaluation beside the variants, and of a demo model's folder."""


@dataclass(frozen=True)
class SurveyPlan:
    """What a survey does with every model."""

    variants: list[Variant]
    samples: int | None
    calibration: str
    protocol: EvaluationProtocol

    def inputs(self) -> list[Any]:
        """Identify the calibration data, without drawing them."""
        return [self.samples, identify(self.calibration)]


class ModelRun:
    """The survey of one model."""

    def __init__(self, place: Path, original: Checkpoint, plan: SurveyPlan, eta: Eta) -> None:
        """Survey `original` into `place`."""
        self.place, self.original, self.plan, self.eta = place, original, plan, eta
        evaluated_by = sha256_json([original.digest, plan.protocol.digest()])
        self.evaluated_by = evaluated_by
        self.logits = place / f".logits-{evaluated_by[:16]}.f32"
        digest = sha256_json([original.digest, *plan.inputs(), versions()])
        self.calibration = place / f"calibration-{digest[:16]}.json"

    def run(self) -> dict[str, Any]:
        """Make and evaluate every variant; return what the report shows."""
        self.place.mkdir(exist_ok=True)
        original = self._original()
        rows = []
        for variant in self.plan.variants:
            self.eta.begin(self.place.name, variant.name)
            row = {
                "way": variant.name,
                "method": variant.method,
                "kind": variant.kind,
                **self._variant(variant),
            }
            rows.append(row)
            spent = row.get("seconds", 0) + row.get("judging", {}).get("seconds", 0)
            self.eta.end(variant.name, brief(row), spent)
        for path in self.place.glob(".logits-*"):
            path.unlink()
        return {"name": self.place.name, "original": original, "ways": rows}

    def _original(self) -> dict[str, Any]:
        """Evaluate the original, unless an earlier run did."""
        note = read_note(self.place / f"{ORIGINAL}.json")
        if note.get("judged_by") != self.evaluated_by:
            note = self._record()
        facts = {key: note[key] for key in ("perplexity", "protocol")}
        return {
            "model": str(self.original.folder),
            "model_type": self.original.config.get("model_type"),
            "digest": self.original.digest,
            **facts,
            **sizes(self.original),
        }

    def _record(self) -> dict[str, Any]:
        """Evaluate the original and keep its logits."""
        folder = str(self.original.folder)
        done = run_in_subprocess(evaluate_original, folder, self.plan.protocol, str(self.logits))
        note = {"judged_by": self.evaluated_by, **done.value}
        write_note(self.place / f"{ORIGINAL}.json", note)
        return note

    def _variant(self, variant: Variant) -> dict[str, Any]:
        """Return a variant's row."""
        try:
            self._fits(variant)
        except UnknownNameError as error:
            return {"status": "failed", "why": error.message}
        except ColdforgeError as error:
            return {"status": "skipped", "why": error.message}
        path = self.place / f"{variant.name}.json"
        before = read_note(path)
        try:
            note = self._quantise(variant, before)
            if note != before:
                write_note(path, note)
            evaluated = self._evaluate(variant, note)
        except ColdforgeError as error:
            return {"status": "failed", "why": error.message, "hint": error.hint}
        if evaluated != note:
            write_note(path, evaluated)
        return {"status": "made", **evaluated["made"], **evaluated["judged"]}

    def _fits(self, variant: Variant) -> None:
        """Raise ColdforgeError if the variant cannot apply to this model."""
        from coldforge.quantize.registry import settings_of

        settings = settings_of(variant.method, variant.asked)
        check(self.original, "float32", "", variant.prune, settings)
        for name, width in linear_inputs(self.original).items():
            if variant.prune == "2:4" and width % 4:
                raise ColdforgeError(f"2:4 needs a multiple of four inputs, {name} has {width}")

    def _drawn(self) -> str:
        """Return the calibration set that all variants share, drawn now if it is missing."""
        if not self.calibration.is_file():
            run_in_subprocess(
                freeze,
                str(self.original.folder),
                self.plan.calibration or None,
                self.plan.samples,
                str(self.calibration),
            )
        return str(self.calibration)

    def _quantise(self, variant: Variant, note: dict[str, Any]) -> dict[str, Any]:
        """Return the record of the variant's checkpoint, quantised now if it is missing."""
        from coldforge.quantize.registry import find_method, settings_of

        folder = self.place / variant.name
        method = find_method(variant.method)
        how = [
            method.name,
            settings_of(variant.method, variant.asked),
            variant.prune,
            SOLVER,
            versions(),
        ]
        made_by = sha256_json([*how, self.original.digest, self.calibration.name])
        known = note.get("made", {}).get("digest", "none")
        current = note.get("made_by") == made_by and known == read_card(folder).get("digest")
        if current and read_checkpoint(folder).digest == known:
            return note
        done = run_in_subprocess(
            run_quantize,
            str(self.original.folder),
            str(folder),
            method=variant.method,
            asked=dict(variant.asked),
            calibration=self._drawn() if method.calibrated else None,
            prune=variant.prune,
        )
        made = {
            **{key: done.value[key] for key in FACTS},
            "bits_per_weight": read_checkpoint(folder).bits_per_weight,
        }
        return {"made_by": made_by, "made": made}

    def _evaluate(self, variant: Variant, note: dict[str, Any]) -> dict[str, Any]:
        """Return the record with an evaluation, done now if it is missing."""
        made = read_checkpoint(self.place / variant.name)
        evaluated_by = sha256_json([made.digest, made.config, self.evaluated_by])
        if note.get("judged_by") == evaluated_by:
            return note
        if not self.logits.is_file():
            self._record()
        done = run_in_subprocess(
            evaluate_variant, str(made.folder), self.plan.protocol, str(self.logits)
        )
        evaluated = {
            **done.value,
            "judging": {"seconds": done.seconds, "peak_rss_bytes": done.peak_rss_bytes},
        }
        return {**note, "judged_by": evaluated_by, "judged": evaluated}


def freeze(model: str, given: str | None, samples: int | None, path: str) -> dict[str, Any]:
    """Draw a calibration for a model and write it to a file."""
    from coldforge.quantize.calibration.calibration import write_frozen
    from coldforge.quantize.calibration.find import calibration_for

    drawn = calibration_for(read_checkpoint(Path(model)), given, samples, None, 0)
    write_frozen(Path(path), drawn)
    return drawn.facts
