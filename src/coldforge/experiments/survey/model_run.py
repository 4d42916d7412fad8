"""One model under survey: each way made and judged in a process of its own, and noted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint, read_checkpoint
from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.experiments.survey.eta import Eta
from coldforge.experiments.survey.judging import (
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
from coldforge.model.runtime import versions
from coldforge.quantize.calibration.find import identify
from coldforge.quantize.methods.method import Variant
from coldforge.quantize.preflight import check
from coldforge.quantize.quantize import SOLVER, run_quantize

FACTS = (
    "digest", "disk_bytes", "linear_bytes", "linear_fp16_bytes", "seconds", "peak_rss_bytes",
)  # fmt: skip
"""What a row says of the card that quantising wrote."""
ORIGINAL = "original"
"""Beside the ways: what judging the original gave, and a demo model's folder."""


@dataclass(frozen=True)
class SurveyPlan:
    """What is asked of every model."""

    ways: list[Variant]
    samples: int | None
    calibration: str
    protocol: EvaluationProtocol

    def drawn(self) -> list[Any]:
        """Identify what calibrates, without drawing it."""
        return [self.samples, identify(self.calibration)]


class ModelRun:
    """One model under survey."""

    def __init__(self, place: Path, original: Checkpoint, job: SurveyPlan, pace: Eta) -> None:
        """Survey `original` into `place`."""
        self.place, self.original, self.job, self.pace = place, original, job, pace
        judged_by = sha256_json([original.digest, job.protocol.digest()])
        self.judged_by = judged_by
        self.logits = place / f".logits-{judged_by[:16]}.f32"
        drawn_by = sha256_json([original.digest, *job.drawn(), versions()])
        self.calibration = place / f"calibration-{drawn_by[:16]}.json"

    def run(self) -> dict[str, Any]:
        """Make and judge every way; return what the report shows."""
        self.place.mkdir(exist_ok=True)
        original = self._original()
        ways = []
        for way in self.job.ways:
            self.pace.begin(self.place.name, way.name)
            row = {"way": way.name, "method": way.method, "kind": way.kind, **self._way(way)}
            ways.append(row)
            spent = row.get("seconds", 0) + row.get("judging", {}).get("seconds", 0)
            self.pace.end(way.name, brief(row), spent)
        for path in self.place.glob(".logits-*"):
            path.unlink()
        return {"name": self.place.name, "original": original, "ways": ways}

    def _original(self) -> dict[str, Any]:
        """Judge the original, unless an earlier run did."""
        note = read_note(self.place / f"{ORIGINAL}.json")
        if note.get("judged_by") != self.judged_by:
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
        """Judge the original and leave its logits."""
        folder = str(self.original.folder)
        done = run_in_subprocess(evaluate_original, folder, self.job.protocol, str(self.logits))
        note = {"judged_by": self.judged_by, **done.value}
        write_note(self.place / f"{ORIGINAL}.json", note)
        return note

    def _way(self, way: Variant) -> dict[str, Any]:
        """Return what a way's row says."""
        try:
            self._fits(way)
        except UnknownNameError as error:
            return {"status": "failed", "why": error.message}
        except ColdforgeError as error:
            return {"status": "skipped", "why": error.message}
        path = self.place / f"{way.name}.json"
        before = read_note(path)
        try:
            note = self._quantised(way, before)
            if note != before:
                write_note(path, note)
            judged = self._judged(way, note)
        except ColdforgeError as error:
            return {"status": "failed", "why": error.message, "hint": error.hint}
        if judged != note:
            write_note(path, judged)
        return {"status": "made", **judged["made"], **judged["judged"]}

    def _fits(self, way: Variant) -> None:
        """Raise ColdforgeError if the way cannot apply to this model."""
        from coldforge.quantize.registry import settings_of

        settings = settings_of(way.method, way.asked)
        check(self.original, "float32", "", way.prune, settings)
        for name, width in self.original.linear_inputs().items():
            if way.prune == "2:4" and width % 4:
                raise ColdforgeError(f"2:4 needs inputs in fours, {name} has {width}")

    def _drawn(self) -> str:
        """Draw the calibration that all ways share, unless an earlier run did."""
        if not self.calibration.is_file():
            run_in_subprocess(
                freeze,
                str(self.original.folder),
                self.job.calibration or None,
                self.job.samples,
                str(self.calibration),
            )
        return str(self.calibration)

    def _quantised(self, way: Variant, note: dict[str, Any]) -> dict[str, Any]:
        """Return a note of the way's checkpoint, quantised now unless an earlier run did."""
        from coldforge.quantize.registry import find_method, settings_of

        folder = self.place / way.name
        method = find_method(way.method)
        how = [method.name, settings_of(way.method, way.asked), way.prune, SOLVER, versions()]
        made_by = sha256_json([*how, self.original.digest, self.calibration.name])
        known = note.get("made", {}).get("digest", "none")
        there = note.get("made_by") == made_by and known == read_card(folder).get("digest")
        if there and read_checkpoint(folder).digest == known:
            return note
        done = run_in_subprocess(
            run_quantize,
            str(self.original.folder),
            str(folder),
            method=way.method,
            asked=dict(way.asked),
            calibration=self._drawn() if method.calibrated else None,
            prune=way.prune,
        )
        made = {
            **{key: done.value[key] for key in FACTS},
            "bits_per_weight": read_checkpoint(folder).bits_per_weight,
        }
        return {"made_by": made_by, "made": made}

    def _judged(self, way: Variant, note: dict[str, Any]) -> dict[str, Any]:
        """Return the note with a judgement, done now unless an earlier run did."""
        made = read_checkpoint(self.place / way.name)
        judged_by = sha256_json([made.digest, made.config, self.judged_by])
        if note.get("judged_by") == judged_by:
            return note
        if not self.logits.is_file():
            self._record()
        done = run_in_subprocess(
            evaluate_variant, str(made.folder), self.job.protocol, str(self.logits)
        )
        judged = {
            **done.value,
            "judging": {"seconds": done.seconds, "peak_rss_bytes": done.peak_rss_bytes},
        }
        return {**note, "judged_by": judged_by, "judged": judged}


def freeze(model: str, given: str | None, samples: int | None, path: str) -> dict[str, Any]:
    """Draw a calibration for a model and write it to a file."""
    from coldforge.quantize.calibration.find import calibration_for
    from coldforge.quantize.calibration.frozen import write_frozen

    drawn = calibration_for(read_checkpoint(Path(model)), given, samples, None, 0)
    write_frozen(Path(path), drawn)
    return drawn.facts
