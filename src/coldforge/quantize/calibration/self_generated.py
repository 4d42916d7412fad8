"""Self-generated calibration: the model answers questions; question and answer are one text.

Such data follow the model's own distribution and need no training data (LLM-QAT, Liu et al. 2023).
"""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.files.digest import sha256_json
from coldforge.files.jsonlines import appending, read_lines
from coldforge.model.deterministic import workers
from coldforge.model.runtime import versions
from coldforge.progress import Step, step
from coldforge.quantize.calibration.calibration import Calibration
from coldforge.quantize.calibration.generator import Generator, Pairs

SHORTEST = 16  # tokens of an answer
SHINGLE = 5  # tokens; answers are compared by their runs of so many
VARIED = 0.4  # share of an answer's shingles that are different; below it, it is repetitive
ALIKE = 0.7  # shared shingles over all shingles of two answers (Jaccard); above it, duplicates
Shingles = frozenset[tuple[int, ...]]


class AnswerFilter:
    """Keeps answers, and counts the reasons why others are dropped."""

    def __init__(self) -> None:
        """Start empty."""
        self.kept: list[list[int]] = []
        self.tokens = 0
        """Of all that is kept."""
        self.dropped: Counter[str] = Counter()
        self._sizes: list[int] = []
        self._holders: dict[tuple[int, ...], list[int]] = {}

    def offer(self, question: list[int], answer: list[int], end: int) -> None:
        """Keep question, answer and the end token, or count the reason why not."""
        shingles = _shingles(answer)
        if reason := self._flaw(answer, shingles):
            self.dropped[reason] += 1
            return
        for shingle in shingles:
            self._holders.setdefault(shingle, []).append(len(self.kept))
        self._sizes.append(len(shingles))
        self.kept.append([*question, *answer, end])
        self.tokens += len(self.kept[-1])

    def _flaw(self, answer: list[int], shingles: Shingles) -> str:
        if len(answer) < SHORTEST:
            return "short"
        if len(shingles) < VARIED * (len(answer) - SHINGLE + 1):
            return "repetitive"
        shared = Counter(at for item in shingles for at in self._holders.get(item, ()))
        for at, count in shared.items():
            if count >= ALIKE * (len(shingles) + self._sizes[at] - count):
                return "duplicate"
        return ""


def _shingles(ids: list[int]) -> Shingles:
    return frozenset(tuple(ids[at : at + SHINGLE]) for at in range(len(ids) - SHINGLE + 1))


class AnswerJournal:
    """The batches answered so far, by number, in a file from which a killed run continues.

    The first line identifies the run; each further line holds a batch. Writing is thread-safe.
    """

    def __init__(self, path: Path, purpose: str) -> None:
        """Read the batches of the run `purpose`; those of another run are dropped."""
        self.path, self._lock = path, threading.Lock()
        header = {"for": purpose}
        lines = read_lines(path)
        if lines[:1] != [header]:
            path.unlink(missing_ok=True)
            with appending(path) as fresh:
                fresh.add(header)
        self.batches: dict[int, Pairs] = {
            item["batch"]: [(question, answer) for question, answer in item["pairs"]]
            for item in lines[1:]
            if lines[0] == header
        }

    def write(self, number: int, batch: Pairs) -> None:
        """Append a batch and sync it to disk."""
        with self._lock, appending(self.path) as lines:
            lines.add({"batch": number, "pairs": batch})
            self.batches[number] = batch

    def close(self) -> None:
        """Remove the file of a finished run."""
        self.path.unlink()


def generate_calibration(generator: Generator, model_digest: str, sidecar: Path) -> Calibration:
    """Ask until there is enough; `sidecar` keeps the answers of a run that is killed.

    Raise ColdforgeError if the answers kept do not fill one window. There are fewer windows than
    asked for where there are not enough answers.
    """
    plan, questions, tokenizer = generator.plan, generator.questions, generator.tokens.digest
    made = {
        "corpus": f"self-generated from {questions.name}",
        "inventing": questions.inventing,
        "model_digest": model_digest,
        "questions_digest": questions.digest,
        "way": "self-generated",
        **asdict(plan),
    }
    journal = AnswerJournal(sidecar, sha256_json([made, tokenizer, versions()]))
    answers, wanted = AnswerFilter(), plan.samples * plan.length
    with step("Answering questions", wanted, "tokens") as asking:
        answered = _collect(generator, journal, answers, asking)
        asking.result = f"{len(answers.kept)} of {answered} answers kept, {answers.tokens:,} tokens"
    dropped = {"too long a question": generator.too_long(), **answers.dropped}
    counts = {"answered": answered, "kept": len(answers.kept), "dropped": dropped}
    windows = _cut(answers, generator, dropped)
    journal.close()
    return Calibration(windows, tokenizer, {**made, **counts})


def _collect(
    generator: Generator, journal: AnswerJournal, answers: AnswerFilter, asking: Step
) -> int:
    """Filter batches in order until the windows are full; return the number of answers."""
    wanted, answered = generator.plan.samples * generator.plan.length, 0
    for batch in _batches(generator, journal):
        for question, answer in batch:
            before = min(answers.tokens, wanted)
            answers.offer(question, answer, generator.tokens.end)
            answered += 1
            asking.advance(min(answers.tokens, wanted) - before)
        if answers.tokens >= wanted:
            break
    return answered


def _batches(generator: Generator, journal: AnswerJournal) -> Iterator[Pairs]:
    """Yield the batches in order; as many as there are cores are answered at once.

    Their content does not depend on the cores.
    """

    def ask(number: int) -> None:
        if number not in journal.batches:
            journal.write(number, generator.batch(number))

    with workers() as pool:
        for first in range(0, generator.batches, pool.count):
            numbers = range(first, min(first + pool.count, generator.batches))
            pool.map(ask, numbers)
            for number in numbers:
                yield journal.batches[number]


def _cut(answers: AnswerFilter, generator: Generator, dropped: dict[str, int]) -> list[list[int]]:
    length = generator.plan.length
    stream = [item for ids in answers.kept for item in ids]
    count = min(generator.plan.samples, len(stream) // length)
    if not count:
        why = ", ".join(f"{number} {reason}" for reason, number in dropped.items() if number)
        raise ColdforgeError(
            f"the answers kept have {len(stream)} tokens, a window needs {length}"
            + (f"; dropped: {why}" if why else ""),
            "ask more questions, allow longer answers with --answer, or lower --length",
        )
    return [stream[at * length : (at + 1) * length] for at in range(count)]
