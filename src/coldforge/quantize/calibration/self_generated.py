"""Self-generated calibration: the model answers questions; question and answer are one text.

Such data follow the model's own distribution and need no training data (LLM-QAT, Liu et al. 2023).
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
    journal = Journal(sidecar, sha256_json([made, tokenizer, versions()]))
    answers, wanted = AnswerFilter(), plan.samples * plan.length
    with step("Answering questions", wanted, "tokens") as asking:
        answered = _collect(generator, journal, answers, asking)
        asking.result = f"{len(answers.kept)} of {answered} answers kept, {answers.tokens:,} tokens"
    dropped = {"too long a question": generator.too_long(), **answers.dropped}
    counts = {"answered": answered, "kept": len(answers.kept), "dropped": dropped}
    windows = _cut(answers, generator, dropped)
    journal.close()
    return Calibration(windows, tokenizer, {**made, **counts})


def _collect(generator: Generator, journal: Journal, answers: AnswerFilter, asking: Step) -> int:
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


def _batches(generator: Generator, journal: Journal) -> Iterator[Pairs]:
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
