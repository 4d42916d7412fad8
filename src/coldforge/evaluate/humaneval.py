"""HumanEval: problems, the program of a completion, pass@k and its statistics.

Chen et al., Evaluating Large Language Models Trained on Code (2021): the problems, the stop
sequences and the unbiased estimator (section 2). Running the programs happens elsewhere.
"""

import gzip
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from coldforge.errors import ColdforgeError

STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
"""Where a completion of a function body ends."""
NORMAL_95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


class Problem(NamedTuple):
    """One problem: a prompt that begins a function, and the test that calls it."""

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    test: str


class Paired(NamedTuple):
    """The same problems before and after: how many improved and worsened, and the p-value.

    `p` is two-sided: the probability of at least this imbalance without a real change.
    """

    gained: int
    lost: int
    p: float


def read_problems(path: Path) -> list[Problem]:
    """Read a HumanEval.jsonl, gzipped or not; raise ColdforgeError if it is not one."""
    found = []
    for item in _objects(path):
        for name in Problem._fields:
            if not isinstance(item.get(name), str):
                raise ColdforgeError(
                    f"{path} is not a HumanEval file: a line has no text for '{name}'",
                    f"each line needs {', '.join(Problem._fields)}",
                )
        found.append(Problem(*(item[name] for name in Problem._fields)))
    if len({problem.task_id for problem in found}) < max(1, len(found)):
        raise ColdforgeError(f"{path} has no problem, or duplicates", "copy the file again")
    return found


def read_completions(path: Path, problems: Sequence[Problem]) -> list[tuple[str, str]]:
    """Read lines of task_id and completion, in order; raise ColdforgeError for an unknown task."""
    known = {problem.task_id for problem in problems}
    found = []
    for item in _objects(path):
        task, completion = item.get("task_id"), item.get("completion")
        if task not in known or not isinstance(completion, str):
            raise ColdforgeError(
                f"{path}: task_id {task!r} is unknown, or has no completion",
                'each line needs "task_id", as in the problems, and "completion"',
            )
        found.append((str(task), completion))
    if not found:
        raise ColdforgeError(f"{path} has no completion", "check the path")
    return found


def program(problem: Problem, completion: str) -> str:
    """Write the program that runs to its end if the completion passes the problem's test."""
    body = problem.prompt + completion
    return f"{body}\n{problem.test}\ncheck({problem.entry_point})\n"


def truncated(text: str) -> str:
    """Cut a completion before the first stop sequence: what follows is not part of the function."""
    ends = [place for stop in STOPS if (place := text.find(stop)) >= 0]
    return text[: min(ends, default=len(text))]


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Estimate without bias the chance that one of k samples passes, of `correct` in `samples`.

    1 - C(n-c, k)/C(n, k), as a product so that nothing overflows. k is 1 to n.
    """
    if not 0 <= correct <= samples or not 1 <= k <= samples:
        raise ValueError(f"pass@{k} of {correct} in {samples}")
    if samples - correct < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / i for i in range(samples - correct + 1, samples + 1))


def wilson(share: float, count: int) -> tuple[float, float]:
    """Give the 95 % interval of a share of `count` problems (Wilson 1927).

    With several samples a problem, `share` is the mean of their shares: its variance is less than
    that of a binary outcome, so the interval is conservative.
    """
    square = NORMAL_95**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    spread = math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    half = NORMAL_95 * spread / (1 + square / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def paired(before: Mapping[str, int], after: Mapping[str, int]) -> Paired:
    """Compare how many samples of each problem passed, by McNemar's exact test.

    With one sample a problem this is the binomial form of McNemar (1947); with several, the sign
    test over problems. Problems whose count did not change do not count.
    """
    if before.keys() != after.keys():
        raise ValueError("not the same problems")
    gained = sum(after[task] > before[task] for task in before)
    lost = sum(after[task] < before[task] for task in before)
    changed = gained + lost
    tail = sum(math.comb(changed, i) for i in range(min(gained, lost) + 1))
    return Paired(gained, lost, min(1.0, float(2 * tail / 2**changed)))


def scores(passes: Mapping[str, Sequence[bool]]) -> dict[str, Any]:
    """Score every problem's verdicts: pass@1, pass@n for n samples each, and their intervals.

    Problems with fewer samples than another limit n to theirs.
    """
    count = min(len(verdicts) for verdicts in passes.values())
    found: dict[str, Any] = {"problems": len(passes), "samples": count}
    for k in sorted({1, count}):
        each = [pass_at_k(len(verdicts), sum(verdicts), k) for verdicts in passes.values()]
        share = math.fsum(each) / len(each)
        found[f"pass@{k}"] = share
        found[f"pass@{k}_interval"] = list(wilson(share, len(each)))
    return found


def _objects(path: Path) -> list[dict[str, Any]]:
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
        items = [json.loads(line) for line in text.splitlines() if line.strip()]
    except FileNotFoundError as error:
        raise ColdforgeError(f"{path} does not exist", "check the path") from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ColdforgeError(
            f"{path} cannot be read as JSON lines: {error}", "copy the file again"
        ) from error
    if not all(isinstance(item, dict) for item in items):
        raise ColdforgeError(f"{path} has a line that is not a JSON object", "copy the file again")
    return items
