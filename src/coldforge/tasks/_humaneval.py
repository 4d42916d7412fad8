"""HumanEval from the host: the image writes completions, a sandbox runs them, we count."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coldforge.errors import ColdforgeError
from coldforge.evaluate.humaneval import (
    Problem,
    paired,
    program,
    read_completions,
    read_problems,
)
from coldforge.files.digest import sha256_file, sha256_json
from coldforge.files.jsonlines import read_lines
from coldforge.tasks._verdicts import Candidate, tally, verdicts

if TYPE_CHECKING:
    from coldforge.image.containers.sandbox import SandboxVerdict


@dataclass(frozen=True)
class Run:
    """The parameters of a run of HumanEval."""

    problems: Path
    folder: Path
    """Where completions and verdicts are kept, for a run that continues."""
    samples: int = 1
    limit: int = 0
    """Problems at most, the first ones; 0 for all."""
    yes: bool = False

    def read(self) -> list[Problem]:
        """Read the problems, up to the limit."""
        if self.samples < 1 or self.limit < 0:
            raise ColdforgeError("nothing to run", "choose --samples of 1 or more")
        return read_problems(self.problems)[: self.limit or None]


def run_humaneval(  # noqa: PLR0913 - a flag each
    *,
    problems: str,
    model: str = "",
    reference: str = "",
    completions: str = "",
    out: str = "",
    samples: int = 1,
    limit: int = 0,
    yes: bool = False,
) -> dict[str, Any]:
    """Evaluate a model, or a file of completions, by the share of problems whose test passes.

    With `reference`, the original is evaluated too and compared problem by problem. `out` is the
    folder where all is kept; else one below build/. Raise ColdforgeError.
    """
    from coldforge.paths import Workspace
    from coldforge.tasks._command import inside

    if inside():
        raise ColdforgeError("HumanEval needs Docker to run programs in", "run it on the host")
    if bool(model) == bool(completions):
        raise ColdforgeError("nothing to evaluate", "give --model or --completions, one of them")
    if completions and reference:
        raise ColdforgeError("a file of completions has no original", "leave --reference out")
    folder = Path(out).resolve() if out else Workspace.find().build / "humaneval"
    run = Run(Path(problems).resolve(), folder, samples, limit, yes)
    asked, started = run.read(), time.monotonic()
    found = _of_file(run, asked, Path(completions)) if completions else _of_model(run, asked, model)
    if reference:
        found["reference"] = _of_model(run, asked, reference)
        before, after = found["reference"].pop("passes"), found["passes"]
        found["paired"] = paired(_counts(before), _counts(after))._asdict()
    del found["passes"]
    return {"task": "humaneval", **found, "seconds": round(time.monotonic() - started, 1)}


def _of_model(run: Run, asked: list[Problem], model: str) -> dict[str, Any]:
    from coldforge.tasks._in_image import Inside, ask, flags

    folder = Path(model).resolve()
    spelled = flags(
        model=folder, problems=run.problems, out=run.folder, samples=run.samples, limit=run.limit
    )
    work = Inside("samples", spelled, [folder, run.problems], [run.folder], yes=run.yes)
    written = ask(work)
    by_task = {problem.task_id: problem for problem in asked}
    lines = [line for line in read_lines(Path(written["path"])) if line["sample"] < run.samples]
    candidates = [
        Candidate(task, line["sample"], program(by_task[task], line["completion"]))
        for line in lines
        if (task := line["task_id"]) in by_task
    ]
    name = Path(written["path"]).name.replace("candidates", "results")
    facts = {key: written[key] for key in ("model", "digest", "settings", "disk_bytes", "image")}
    return {**facts, **_judged(run, candidates, run.folder / name)}


def _of_file(run: Run, asked: list[Problem], completions: Path) -> dict[str, Any]:
    by_task = {problem.task_id: problem for problem in asked}
    seen: Counter[str] = Counter()
    candidates = []
    for task, completion in read_completions(completions, read_problems(run.problems)):
        if task in by_task:
            candidates.append(Candidate(task, seen[task], program(by_task[task], completion)))
            seen[task] += 1
    if missing := by_task.keys() - seen.keys():
        raise ColdforgeError(
            f"{completions} lacks {len(missing)} of {len(by_task)} problems: {min(missing)} …",
            "all problems count: give each a completion, empty if there is none",
        )
    key = sha256_json([sha256_file(completions), sha256_file(run.problems)])[:16]
    results = run.folder / f"results-{key}.jsonl"
    return {"completions": str(completions), **_judged(run, candidates, results)}


def _judged(run: Run, candidates: list[Candidate], results: Path) -> dict[str, Any]:
    """Run the candidates without a verdict, and count."""
    from coldforge.image.containers.docker_engine import image_name
    from coldforge.image.containers.sandbox import SandboxLimits, run_programs
    from coldforge.tasks._command import docker_engine
    from coldforge.tasks.image import build_and_load

    limits = SandboxLimits()

    def in_sandbox(programs: Mapping[str, str]) -> Iterator[tuple[str, "SandboxVerdict"]]:
        build_and_load("cpu", run.yes)
        with docker_engine(run.yes) as connect:
            yield from run_programs(connect(), image_name("cpu"), programs, limits)

    lines, executed = verdicts(candidates, results, in_sandbox)
    return tally(candidates, lines) | {
        "executed": executed,
        "kept": len(candidates) - executed,
        "limits": asdict(limits),
        "results": str(results),
    }


def _counts(passes: Mapping[str, Sequence[bool]]) -> dict[str, int]:
    return {task: sum(each) for task, each in passes.items()}


def table(found: dict[str, Any]) -> str:
    """Lay out the shares, their intervals, what changed, and by which protocol."""
    sides = [("", found)]
    if "reference" in found:
        sides = [("original", found["reference"]), ("model", found)]
    lines = ["".join([f"{'':<20}", *(f"{name:>24}" for name, _ in sides)])] if sides[1:] else []
    for k in sorted({1, found["samples"]}):
        cells = [_cell(side, k) for _, side in sides]
        lines.append("".join([f"{f'pass@{k}':<20}", *(f"{cell:>24}" for cell in cells)]))
    if pair := found.get("paired"):
        lines.append(
            f"paired: {pair['gained']} problems gained, {pair['lost']} lost, "
            f"p = {pair['p']:.3f} (McNemar, exact)"
        )
    failed = ", ".join(f"{count} {why}" for why, count in found["failures"].items())
    lines.append(f"failed: {failed or 'none'}")
    limits = found["limits"]
    lines.append(
        f"protocol: {found['problems']} problems, {_asked(found)}; a program has "
        f"{limits['seconds']:g} s and {limits['memory'] >> 20} MiB; intervals: 95 %, Wilson"
    )
    lines.append(
        f"{found['executed']} programs run, {found['kept']} verdicts kept, "
        f"{found['seconds']:.1f} s; {found['results']}"
    )
    return "\n".join(lines)


def _cell(side: dict[str, Any], k: int) -> str:
    low, high = side[f"pass@{k}_interval"]
    return f"{side[f'pass@{k}']:.1%} ({low:.1%} to {high:.1%})"


def _asked(found: dict[str, Any]) -> str:
    each = "one completion" if found["samples"] == 1 else f"{found['samples']} completions"
    if "settings" not in found:
        return f"{each} each, given"
    how = found["settings"]
    drawn = f"temperature {how['temperature']}" if how["temperature"] else "greedy"
    return f"{each} each, {drawn}, {how['max_new_tokens']} tokens at most"
