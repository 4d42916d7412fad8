"""The steps from the original to a result, with the time or size of each."""

from coldforge.report.page.formatting import form
from coldforge.report.page.model import Column, FlowStep, Row, Section, Table
from coldforge.report.results.engine import BenchedEngine, BuiltEngine
from coldforge.report.results.gather import Runs
from coldforge.report.results.model import Compared
from coldforge.report.results.models import Model, Models
from coldforge.report.results.subject import fastest, find_subject
from coldforge.report.sections import SectionMaker


def make(runs: Runs, models: Models) -> Section | None:
    """Draw the flow of the model that the page is about, and every comparison side by side."""
    found = Section("flow", "Flow", "From the original to a result.")
    if subject := find_subject(models):
        found.steps = _steps(runs, subject.model)
    for at, item in enumerate(runs.of(Compared), 1):
        found.tables.append(_sides(item.result, models, f"sides-{at}"))
    return found if found.steps or found.tables else None


def _steps(runs: Runs, model: Model) -> list[FlowStep]:
    compared, made, best = model.compared, model.quantised, fastest(model)
    engine = best[1] if best else None
    first = compared.original.load_seconds.median if compared else None
    steps = [
        FlowStep("Load", first, "seconds", "the original"),
        FlowStep("Quantise", made.seconds if made else None, "seconds", model.how or "elsewhere"),
        FlowStep("Save", model.disk_bytes, "bytes", "the checkpoint"),
    ]
    steps += _built(runs, model)
    return [*steps, *_ran(compared, engine), _result(model)]


def _built(runs: Runs, model: Model) -> list[FlowStep]:
    """Add building an engine, if one was built from the model."""
    engines = (
        item.result for item in runs.of(BuiltEngine) if item.result.checkpoint == model.digest
    )
    built = next(engines, None)
    return (
        [FlowStep("Build", built.seconds, "seconds", f"an engine, {built.backend}")]
        if built
        else []
    )


def _ran(compared: Compared | None, engine: BenchedEngine | None) -> list[FlowStep]:
    """Load and infer: in the engine if one was measured, else in PyTorch."""
    if engine:
        latency = (cell.tpot_ms for cell in engine.cells)
        rates = [item.p50 for item in latency if item and item.p50 is not None]
        rate = min(rates) / 1000 if rates else None
        return [
            FlowStep("Load", engine.load_seconds, "seconds", "the engine"),
            FlowStep("Infer", rate, "seconds", "a token, at best"),
        ]
    after = compared.quantised if compared else None
    return [
        FlowStep("Load", after.load_seconds.median if after else None, "seconds", "the checkpoint"),
        FlowStep("Infer", after.token_seconds.median if after else None, "seconds", "a token"),
    ]


def _result(model: Model) -> FlowStep:
    compared, evaluation = model.compared, model.evaluation
    total = compared.protocol.new_tokens if compared else None
    if compared and compared.equal_tokens is not None and total:
        of_all = f"of {form(total, 'count')} tokens are the original's"
        return FlowStep("Result", compared.equal_tokens, "count", of_all)
    if evaluation and evaluation.reference:
        return FlowStep("Result", evaluation.reference.top1_agreement, "share", "of tokens agree")
    return FlowStep("Result", None, note="not compared")


def _sides(compared: Compared, models: Models, name: str) -> Table:
    columns = [
        Column("side", "Side"),
        Column("load", "Load", "seconds"),
        Column("first", "First token", "seconds"),
        Column("token", "Each further token", "seconds"),
        Column("peak", "Peak memory", "bytes"),
        Column("disk", "On disk", "bytes"),
        Column("bits", "Bits a weight", "bits"),
    ]
    rows: list[Row] = [
        {
            "side": models.name(side.digest),
            "load": side.load_seconds.median,
            "first": side.first_token_seconds.median,
            "token": side.token_seconds.median,
            "peak": side.peak_rss_bytes,
            "disk": side.disk_bytes,
            "bits": side.bits_per_weight,
        }
        for side in (compared.original, compared.quantised)
    ]
    return Table(name, "Side by side in PyTorch, medians", columns, rows)


SECTION = SectionMaker(order=20, make=make)
