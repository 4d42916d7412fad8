"""Accuracy before and after quantising: perplexity, KL, agreement, HumanEval; with intervals."""

from coldforge.report.page.model import Chart, Column, Mark, Row, Section, Table
from coldforge.report.results.gather import Found, Runs
from coldforge.report.results.model import Evaluated, HumanEval, PassRate
from coldforge.report.results.models import Models
from coldforge.report.sections import SectionMaker

INTERVALS = "95 % intervals"


def make(runs: Runs, models: Models) -> Section | None:
    """Lay out evaluations on text and on HumanEval."""
    evaluated, solved = runs.of(Evaluated), runs.of(HumanEval)
    if not evaluated and not solved:
        return None
    found = Section("accuracy", "Accuracy", _protocols(evaluated))
    if evaluated:
        table = _evaluated(evaluated, models)
        found.tables.append(table)
        found.charts += _charts(table)
    if solved:
        table = _solved(solved, models)
        found.tables.append(table)
        found.charts.append(
            Chart("interval", "HumanEval, pass@1", "Share of problems solved at the first attempt, "
                  f"with {INTERVALS}.", table.id, "model", ["share"])
        )  # fmt: skip
    return found


def _protocols(evaluated: list[Found[Evaluated]]) -> str:
    texts = dict.fromkeys(
        f"{how.windows} windows of {how.window} tokens"
        + (f", {how.tokens:,} tokens scored" if how.tokens else "")
        + (f", {how.corpus}" if how.corpus else "")
        + (f", {how.dtype}" if how.dtype else "")
        + (f"; intervals: {how.interval}" if how.interval else "")
        for how in (item.result.protocol for item in evaluated)
        if how.windows
    )
    return f"Evaluated on {'; and on '.join(texts)}. KL in nats a token." if texts else ""


def _evaluated(evaluated: list[Found[Evaluated]], models: Models) -> Table:
    """Make a row of each evaluation, the largest weights first."""
    columns = [
        Column("model", "Model"),
        Column("bits", "Bits a weight", "bits"),
        Column("ppl", "Perplexity", "perplexity", low="ppl-low", high="ppl-high"),
        Column("ratio", "Perplexity, change", "change", low="ratio-low", high="ratio-high"),
        Column("kl", "KL to the original", "nats", low="kl-low", high="kl-high"),
        Column("top1", "Top-1 agreement", "share", low="top1-low", high="top1-high"),
    ]
    rows = [_row(item.result, models) for item in evaluated]
    rows.sort(key=lambda row: -float(row["bits"] or 0))
    columns = [item for item in columns if any(row.get(item.key) is not None for row in rows)]
    return Table("accuracy", f"Evaluated on text, with {INTERVALS}", columns, rows)


def _row(result: Evaluated, models: Models) -> Row:
    row: Row = {
        "model": models.name(result.digest),
        "bits": result.bits_per_weight,
        "ppl": result.perplexity,
        **_bounds("ppl", result.perplexity_interval),
    }
    if reference := result.reference:
        grown = reference.perplexity_ratio_interval
        row |= {
            "ratio": reference.perplexity_ratio - 1,
            **_bounds("ratio", (grown[0] - 1, grown[1] - 1) if grown else None),
            "kl": reference.kl,
            **_bounds("kl", reference.kl_interval),
            "top1": reference.top1_agreement,
            **_bounds("top1", reference.top1_agreement_interval),
        }
    return row


def _bounds(key: str, interval: tuple[float, float] | None) -> Row:
    return {f"{key}-low": interval[0], f"{key}-high": interval[1]} if interval else {}


def _charts(table: Table) -> list[Chart]:
    """Draw each measured difference from the original."""
    drawn: tuple[tuple[str, str, bool, list[Mark]], ...] = (
        ("kl", "KL to the original, nats a token", True, []),
        ("ratio", "Change of the perplexity", False, [Mark("original", 0.0)]),
        ("top1", "Top-1 agreement with the original", False, []),
    )
    known = {column.key for column in table.columns}
    return [
        Chart("interval", title, f"{title} of each model, with {INTERVALS}.", table.id, "model",
              [key], marks, log=log)
        for key, title, log, marks in drawn
        if key in known
    ]  # fmt: skip


def _solved(solved: list[Found[HumanEval]], models: Models) -> Table:
    columns = [
        Column("model", "Model"),
        Column("problems", "Problems", "count"),
        Column("share", "pass@1", "share", low="share-low", high="share-high"),
        Column("change", "Change", "points"),
        Column("gained", "Gained", "count"),
        Column("lost", "Lost", "count"),
        Column("p", "p, McNemar's exact test", "number"),
    ]
    rows: list[Row] = []
    for item in solved:
        result = item.result
        if result.reference:
            rows.append(_share("original", result.reference))
        rows.append(_share(models.name(result.digest) or item.name, result))
        if result.reference:
            rows[-1]["change"] = result.share - result.reference.share
        if result.paired:
            pair = result.paired
            rows[-1] |= {"gained": pair.gained, "lost": pair.lost, "p": pair.p}
    columns = [item for item in columns if any(row.get(item.key) is not None for row in rows)]
    return Table("programs", f"HumanEval, with {INTERVALS} (Wilson)", columns, rows)


def _share(name: str, result: PassRate) -> Row:
    return {
        "model": name,
        "problems": result.problems,
        "share": result.share,
        **_bounds("share", result.interval),
    }


SECTION = SectionMaker(order=50, make=make)
