"""Verdicts on HumanEval candidates: run those that have none yet, and score them all."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coldforge.evaluate.humaneval import scores
from coldforge.files.jsonlines import appending, read_lines
from coldforge.progress import step

if TYPE_CHECKING:
    from coldforge.image.containers.sandbox import SandboxVerdict

Judge = Callable[[Mapping[str, str]], Iterator[tuple[str, "SandboxVerdict"]]]
"""Runs programs, given by name; yields a verdict for each."""


@dataclass(frozen=True)
class Candidate:
    """One completion of a problem, as a program; `sample` counts a problem's completions."""

    task_id: str
    sample: int
    program: str

    @property
    def digest(self) -> str:
        """Return the program's sha256 in hex."""
        return hashlib.sha256(self.program.encode("utf-8", "replace")).hexdigest()

    @property
    def name(self) -> str:
        """Name the candidate: its problem and sample."""
        return f"{self.task_id} {self.sample}"


def verdicts(
    candidates: Sequence[Candidate], results: Path, judge: Judge
) -> tuple[dict[str, dict[str, Any]], int]:
    """Return every candidate's line of `results`, and how many programs were run for that.

    Each verdict is written at once; a line counts only for the same program.
    """
    by_name = {candidate.name: candidate for candidate in candidates}
    known = {
        name: line
        for line in read_lines(results)
        if (name := f"{line['task_id']} {line['sample']}") in by_name
        and line["program"] == by_name[name].digest
    }
    missing = {name: item.program for name, item in by_name.items() if name not in known}
    if not missing:
        return known, 0
    with step("Running candidates", len(missing), "programs") as running, appending(results) as to:
        for name, verdict in judge(missing):
            one = by_name[name]
            known[name] = {
                "task_id": one.task_id, "sample": one.sample, "program": one.digest,
                **asdict(verdict),
            }  # fmt: skip
            to.add(known[name])
            running.advance(1)
        running.result = f"{sum(line['passed'] for line in known.values())} of {len(known)} passed"
    return known, len(missing)


def tally(
    candidates: Sequence[Candidate], lines: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Score the verdicts, and count the reasons of failures."""
    passes: dict[str, list[bool]] = {}
    for candidate in candidates:
        passes.setdefault(candidate.task_id, []).append(lines[candidate.name]["passed"])
    why = Counter(line["why"].partition(":")[0] for line in lines.values() if not line["passed"])
    return {
        **scores(passes),
        "passed": sum(map(sum, passes.values())),
        "failures": dict(why.most_common()),
        "passes": passes,
    }
