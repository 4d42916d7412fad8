"""The quantised model that the page is about, with its figures before and after."""

from collections.abc import Callable
from dataclasses import dataclass

from coldforge.report.page.formatting import form
from coldforge.report.page.model import Figure
from coldforge.report.results.engine import Bench, BenchCell, BenchedEngine
from coldforge.report.results.gather import Runs
from coldforge.report.results.models import Model, Models

LEFT_OUT = frozenset({"Host memory, peak", "Device memory, peak"})
"""Titles of figures that the headline leaves out."""
NAMES = frozenset({"HumanEval pass@1"})
"""Titles that keep their capitals in the headline."""


@dataclass(frozen=True)
class Subject:
    """A quantised model and its original."""

    model: Model
    original: Model | None

    @property
    def title(self) -> str:
        """Name both."""
        before = self.original.name if self.original else ""
        return f"{before} → {self.model.name}" if before else self.model.name

    def figures(self) -> list[Figure]:
        """List the figures that were measured: bytes, speed, memory, accuracy."""
        asked: tuple[Callable[[Model, Model | None], Figure | None], ...] = (
            _disk, _speed, _memory, _perplexity, _programs
        )  # fmt: skip
        found = (ask(self.model, self.original) for ask in asked)
        return [item for item in found if item]


def page_title(models: Models) -> str:
    """Name what the page is about."""
    subject = find_subject(models)
    return subject.title if subject else "Results"


def headline(runs: Runs, models: Models) -> str:
    """Sum the page up in one line: bytes, speed, accuracy."""
    subject = find_subject(models)
    figures = subject.figures() if subject else []
    parts = [_part(item) for item in figures if item.title not in LEFT_OUT]
    if not parts:
        count = len(runs.results)
        return f"{count} result{'s' if count != 1 else ''}"
    line = "; ".join(parts)
    return line[0].upper() + line[1:]


def _part(figure: Figure) -> str:
    after = form(figure.after, figure.kind)
    title = figure.title if figure.title in NAMES else figure.title.lower()
    if figure.before is None:
        return f"{title} {after}"
    change = f" ({form(figure.change, figure.change_kind)})" if figure.change is not None else ""
    return f"{title} {form(figure.before, figure.kind)} → {after}{change}"


def find_subject(models: Models) -> Subject | None:
    """Choose the quantised model with most figures; among equals the one with fewest bytes."""
    subjects = [Subject(*pair) for pair in models.pairs()]
    return min(subjects, key=_rank, default=None)


def _rank(subject: Subject) -> tuple[int, int]:
    complete = sum(figure.before is not None for figure in subject.figures())
    return -complete, subject.model.disk_bytes or 0


def _disk(model: Model, original: Model | None) -> Figure | None:
    after = model.disk_bytes
    before = original.disk_bytes if original else None
    if after is None:
        return None
    change = after / before - 1 if before else None
    return Figure("On disk", "bytes", after, before, change, "change", model.how)


def fastest(model: Model) -> tuple[Bench, BenchedEngine, BenchCell] | None:
    """Find the largest speed-up of the model's engines, if possible without int8 activations."""
    known = [
        (bench, engine, cell)
        for bench, engine in model.engines
        for cell in engine.cells
        if cell.speedup is not None
    ]
    plain = [item for item in known if "activations" not in item[1].precision]
    return max(plain or known, key=lambda item: item[2].speedup or 0.0, default=None)


def _speed(model: Model, original: Model | None) -> Figure | None:
    found = fastest(model)
    if not found:
        return _tokens(model)
    bench, engine, cell = found
    before = _same_cell(bench.baseline, cell)
    rate = before.output_tokens_per_s if before else None
    device = bench.device.title
    note = f"{cell.title}, {engine.name} over {bench.baseline.name}"
    return Figure(
        "Output tokens a second", "rate", cell.output_tokens_per_s, rate, cell.speedup, "times",
        f"{note}, {device}" if device else note,
    )  # fmt: skip


def _tokens(model: Model) -> Figure | None:
    """Use the time per token in PyTorch if no engine was measured."""
    if not model.compared:
        return None
    after = model.compared.quantised.token_seconds.median
    before = model.compared.original.token_seconds.median
    change = after / before - 1 if before else None
    return Figure(
        "Time per token", "seconds", after, before, change, "change", "in PyTorch, float32"
    )


def _memory(model: Model, original: Model | None) -> Figure | None:
    found = fastest(model)
    if not found:
        return None
    bench, _, cell = found
    before = _same_cell(bench.baseline, cell)
    for side in ("device", "host"):
        after, first = getattr(cell, f"{side}_peak_bytes"), getattr(before, f"{side}_peak_bytes", 0)
        if after and first:
            change = after / first - 1
            title = f"{side.capitalize()} memory, peak"
            return Figure(title, "bytes", after, first, change, "change", cell.title)
    return None


def _same_cell(engine: BenchedEngine, cell: BenchCell) -> BenchCell | None:
    return next((item for item in engine.cells if item.place == cell.place), None)


def _perplexity(model: Model, original: Model | None) -> Figure | None:
    evaluation = model.evaluation
    if not evaluation or not evaluation.reference:
        return None
    reference = evaluation.reference
    note = f"KL {form(reference.kl, 'nats')} nats a token"
    if grown := reference.perplexity_ratio_interval:
        low, high = (form(bound - 1, "change") for bound in grown)
        note = f"95 %: {low} to {high}; {note}"
    return Figure(
        "Perplexity", "perplexity", evaluation.perplexity, reference.perplexity,
        reference.perplexity_ratio - 1, "change", note,
    )  # fmt: skip


def _programs(model: Model, original: Model | None) -> Figure | None:
    solved = model.humaneval
    if not solved or not solved.reference:
        return None
    before, note = solved.reference.share, ""
    if pair := solved.paired:
        note = f"{pair.gained} problems gained, {pair.lost} lost, p = {form(pair.p, 'number')}"
    return Figure(
        "HumanEval pass@1", "share", solved.share, before, solved.share - before, "points", note
    )
