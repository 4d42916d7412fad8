"""Calibration a model writes itself, so that it is like what the model will say in use.

Questions go in, the model answers, question and answer together are one text. Such data keep to the
model's own distribution and need none of its training data (LLM-QAT, Liu et al., 2023).
"""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.files.digest import sha256_json
from coldforge.model.deterministic import workers
from coldforge.model.runtime import versions
from coldforge.progress import Step, step
from coldforge.quantize.calibration.calibration import Calibration
from coldforge.quantize.calibration.dedup import AnswerFilter
from coldforge.quantize.calibration.generator import Generator
from coldforge.quantize.calibration.journal import Journal, Pairs


def generate_calibration(author: Generator, model_digest: str, sidecar: Path) -> Calibration:
    """Ask until there is enough; `sidecar` keeps the answers of a run that is killed.

    Raise ColdforgeError if all answers worth keeping do not fill one window. Fewer windows than
    wanted are made where there are not more answers.
    """
    plan, questions, tokenizer = author.plan, author.questions, author.tokens.digest
    made = {
        "corpus": f"self-generated from {questions.name}",
        "inventing": questions.inventing,
        "model_digest": model_digest,
        "questions_digest": questions.digest,
        "way": "self-generated",
        **asdict(plan),
    }
    notebook = Journal(sidecar, sha256_json([made, tokenizer, versions()]))
    sieve, wanted = AnswerFilter(), plan.samples * plan.length
    with step("Answering questions", wanted, "tokens") as asking:
        answered = _collect(author, notebook, sieve, asking)
        asking.result = f"{len(sieve.kept)} of {answered} answers kept, {sieve.tokens:,} tokens"
    dropped = {"too long a question": author.too_long(), **sieve.dropped}
    counts = {"answered": answered, "kept": len(sieve.kept), "dropped": dropped}
    windows = _cut(sieve, author, dropped)
    notebook.close()
    return Calibration(windows, tokenizer, {**made, **counts})


def _collect(author: Generator, notebook: Journal, sieve: AnswerFilter, asking: Step) -> int:
    """Sift batches in their order until the windows are full; return how many were answered."""
    wanted, answered = author.plan.samples * author.plan.length, 0
    for batch in _batches(author, notebook):
        for question, answer in batch:
            before = min(sieve.tokens, wanted)
            sieve.offer(question, answer, author.tokens.end)
            answered += 1
            asking.advance(min(sieve.tokens, wanted) - before)
        if sieve.tokens >= wanted:
            break
    return answered


def _batches(author: Generator, notebook: Journal) -> Iterator[Pairs]:
    """Yield the batches in order: as many are answered at once as there are cores.

    What they are does not depend on the cores: a batch knows its number only.
    """

    def ask(number: int) -> None:
        if number not in notebook.batches:
            notebook.write(number, author.batch(number))

    with workers() as pool:
        for first in range(0, author.batches, pool.count):
            numbers = range(first, min(first + pool.count, author.batches))
            pool.map(ask, numbers)
            for number in numbers:
                yield notebook.batches[number]


def _cut(sieve: AnswerFilter, author: Generator, dropped: dict[str, int]) -> list[list[int]]:
    length = author.plan.length
    stream = [item for ids in sieve.kept for item in ids]
    count = min(author.plan.samples, len(stream) // length)
    if not count:
        why = ", ".join(f"{number} {reason}" for reason, number in dropped.items() if number)
        raise ColdforgeError(
            f"the answers worth keeping have {len(stream)} tokens, a window needs {length}"
            + (f"; dropped: {why}" if why else ""),
            "ask more questions, allow longer answers with --answer, or lower --length",
        )
    return [stream[at * length : (at + 1) * length] for at in range(count)]
