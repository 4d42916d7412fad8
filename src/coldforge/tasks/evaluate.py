"""evaluate: the quality of a model, by a protocol that is printed."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from coldforge.tasks._command import emit, everywhere, task
from coldforge.tasks._in_image import HELP, MODEL, flags, full, given, hand_over, outside

if TYPE_CHECKING:
    from coldforge.evaluate.gate import Condition, Measure


@partial(
    task,
    help={
        **HELP,
        "model": MODEL,
        "reference": "Original model to measure the distance from.",
        "text": "Text file or folder; else held-out sources of the standard library.",
        "window": "Tokens of a window.",
        "limit": "Windows at most, 64 unless given; of HumanEval: problems at most.",
        "task": "humaneval: programs that the model writes, run in a sandbox. Else text.",
        "problems": "HumanEval.jsonl, gzipped or not.",
        "samples": "Programs of a problem; one is greedy, several are drawn.",
        "completions": "File of programs written before, instead of a model.",
        "out": "Folder where programs and verdicts are kept; a killed run continues there.",
        "gate": "Conditions; exit with 1 if one is broken: kl<0.01,top1>0.98,ppl<+2%,pass@1>-1%.",
    },
)
def evaluate(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    model: str = "",
    reference: str = "",
    text: str = "",
    window: int = 512,
    limit: int = 0,
    task: str = "",
    problems: str = "",
    samples: int = 1,
    completions: str = "",
    out: str = "",
    gate: str = "",
    yes: bool = False,
    json: bool = False,
) -> None:
    """Measure a model, original or quantised: on held-out text, or by the programs it writes.

    A gate bounds point estimates. METRIC<NUMBER bounds a value: kl, top1, ppl, pass@K.
    METRIC<+NUMBER% bounds the change against --reference: of ppl in per cent of the original's,
    of pass@K in percentage points.

    Example: invoke evaluate --model models/demo-int4 --reference models/demo --gate "kl<0.01"
    """
    from coldforge.evaluate.gate import read_gate

    conditions = read_gate(gate)
    if _by_programs(task):
        asked: dict[str, Any] = {
            "model": model, "reference": reference, "problems": problems, "samples": samples,
            "completions": completions, "out": out, "limit": limit,
        }  # fmt: skip
        _programs(asked, conditions, yes, json)
        return
    _check(model, reference, conditions)
    if outside():
        spelled = flags(
            model=full(model), reference=full(reference), text=full(text), window=window,
            limit=limit, gate=gate, json=json,
        )  # fmt: skip
        hand_over("evaluate", spelled, given(model, reference, text), None, yes)
        return
    from coldforge.evaluate.evaluate import LIMIT, measures, run_evaluate

    found = run_evaluate(model, reference or None, text or None, window, limit or LIMIT)
    _close(found, table(found), conditions, measures(found), json)


def _by_programs(kind: str) -> bool:
    """Tell whether HumanEval is asked for; raise UnknownNameError for another task."""
    from coldforge.errors import UnknownNameError

    if kind not in {"", "humaneval"}:
        raise UnknownNameError("task", kind, ["humaneval"])
    return bool(kind)


def _check(model: str, reference: str, conditions: list["Condition"]) -> None:
    """Raise ColdforgeError for a missing model or a gate on other metrics, before any work."""
    from coldforge.errors import ColdforgeError
    from coldforge.evaluate.evaluate import names
    from coldforge.evaluate.gate import check_gate

    if not model:
        raise ColdforgeError("nothing to evaluate", "name a model: --model DIR")
    check_gate(conditions, names(bool(reference)), bool(reference))


def _programs(
    asked: dict[str, Any], conditions: list["Condition"], yes: bool, as_json: bool
) -> None:
    """Evaluate by HumanEval, on the host: programs run in containers."""
    from coldforge.errors import ColdforgeError
    from coldforge.evaluate.gate import check_gate
    from coldforge.tasks._humaneval import run_humaneval
    from coldforge.tasks._humaneval import table as programs_table

    if not asked["problems"]:
        raise ColdforgeError("no problems to solve", "name them: --problems HumanEval.jsonl.gz")
    if not Path(asked["problems"]).is_file():
        raise ColdforgeError(f"no such file: {asked['problems']}", "check --problems")
    metrics = [f"pass@{k}" for k in sorted({1, asked["samples"]})]
    check_gate(conditions, metrics, bool(asked["reference"]))
    found = run_humaneval(**asked, yes=yes)
    _close(found, programs_table(found), conditions, shares(found), as_json)


def shares(found: dict[str, Any]) -> dict[str, "Measure"]:
    """Return HumanEval's metrics, as a gate names them; changes in percentage points."""
    from coldforge.evaluate.gate import Measure

    before = found.get("reference")
    measured = {}
    for name in sorted(f"pass@{k}" for k in {1, found["samples"]}):
        change = 100 * (found[name] - before[name]) if before else None
        low, high = found[f"{name}_interval"]
        measured[name] = Measure(found[name], (low, high), change)
    return measured


def _close(
    found: dict[str, Any],
    text: str,
    conditions: list["Condition"],
    measured: dict[str, "Measure"],
    as_json: bool,
) -> None:
    """Print the result; name broken conditions on stderr and exit with 1 if there are any."""
    from coldforge.evaluate.gate import check_conditions

    outcomes = check_conditions(conditions, measured)
    if outcomes:
        found = found | {"gate": [outcome.json() for outcome in outcomes]}
    held = [str(outcome) for outcome in outcomes if outcome.holds]
    emit(found, as_json, "\n".join([text, *held]))
    broken = [str(outcome) for outcome in outcomes if not outcome.holds]
    for line in broken:
        print(line, file=sys.stderr)  # noqa: T201
    if broken:
        sys.stdout.flush()
        raise SystemExit(1)


def table(found: dict[str, Any]) -> str:
    """Describe the result and its protocol."""
    from coldforge.progress import amount

    how = found["protocol"]
    rows = [("perplexity", f"{found['perplexity']:,.4f}", _between(found, "perplexity", ",.4f"))]
    if against := found.get("reference"):
        ratio = "perplexity_ratio"
        rows += [
            ("KL to the original", f"{against['kl']:.6f}", _between(against, "kl", ".6f")),
            ("top-1 agreement", f"{against['top1_agreement']:.4f}",
             _between(against, "top1_agreement", ".4f")),
            ("perplexity / original's", f"{against[ratio]:.5f}", _between(against, ratio, ".5f")),
            ("original's perplexity", f"{against['perplexity']:,.4f}", ""),
        ]  # fmt: skip
    rows += [
        ("bytes on disk", amount(found["disk_bytes"]), ""),
        ("bits per linear weight", f"{found['bits_per_weight']:.3f}", ""),
        ("peak memory", amount(found["peak_rss_bytes"]), "of the process" + _both(found)),
        ("seconds", f"{found['seconds']:.1f}", ""),
    ]
    lines = [f"{name:<24}{value:>12}  {beside}".rstrip() for name, value, beside in rows]
    return "\n".join(
        [
            *lines,
            f"protocol: {how['windows']} windows of {how['window']} tokens, stride "
            f"{how['stride']}, {how['tokens']:,} tokens evaluated, {how['dtype']}, {how['corpus']} "
            f"{how['corpus_digest'][:12]}, tokenizer {how['tokenizer'][:12]}; "
            f"intervals: {how['interval']}; KL in nats a token",
        ]
    )


def _between(found: dict[str, Any], name: str, shape: str) -> str:
    bounds = found[f"{name}_interval"]
    return f"{bounds[0]:{shape}} to {bounds[1]:{shape}}" if bounds else "one window: no interval"


def _both(found: dict[str, Any]) -> str:
    return ", with both models" if "reference" in found else ""


TASKS = everywhere(evaluate)
