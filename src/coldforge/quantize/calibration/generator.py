"""A model that answers questions, and writes further ones after examples."""

import math
import random
from dataclasses import dataclass

from coldforge.errors import ColdforgeError
from coldforge.model.tokens import ModelTokens
from coldforge.quantize.calibration.calibration import check_size
from coldforge.quantize.calibration.journal import Pairs
from coldforge.quantize.calibration.questions import Questions
from coldforge.quantize.calibration.sampling import Prompt, Sampler

BATCH = 16  # questions answered at once; fixed, for the last bits of sums depend on it
ROUNDS = 8  # answers to each question of a file at most, if they are drawn
SPARE = 4  # times as many questions invented as would do if every answer were kept
EXAMPLES = 3  # questions shown to the model when it is to write another
INVENTED = 48  # tokens of an invented question at most


@dataclass(frozen=True)
class Plan:
    """How much is wanted, and how the model is asked."""

    samples: int
    length: int
    answer: int
    """Tokens of an answer at most."""
    temperature: float
    seed: int

    def check(self) -> None:
        """Raise ColdforgeError for sizes that make no calibration."""
        check_size(self.samples, self.length)
        if self.answer < 1:
            raise ColdforgeError("answers need at least one token", "raise --answer")
        if not 0 <= self.temperature <= 10:
            raise ColdforgeError(
                f"no temperature of {self.temperature}", "choose 0 for greedy, or up to 10"
            )


class Generator:
    """A model that answers questions, batch by batch; a batch depends on its number alone."""

    def __init__(
        self, sampler: Sampler, tokens: ModelTokens, questions: Questions, plan: Plan
    ) -> None:
        """Ask `sampler`, whose tokenizer is `tokens`."""
        self.sampler, self.tokens, self.questions, self.plan = sampler, tokens, questions, plan

    @property
    def most(self) -> int:
        """How many questions there are, before giving up."""
        count = len(self.questions.texts)
        if self.questions.inventing:
            wanted = self.plan.samples * self.plan.length / self.plan.answer
            return max(count, math.ceil(SPARE * wanted))
        return count * (ROUNDS if self.plan.temperature else 1)

    @property
    def batches(self) -> int:
        """How many batches that is."""
        return math.ceil(self.most / BATCH)

    def too_long(self) -> int:
        """Count the questions that leave the model no room to answer."""
        texts = [self._put(text) for text in self.questions.texts]
        return sum(not self._fits(ids) for ids in self.tokens.encode(texts))

    def batch(self, number: int) -> Pairs:
        """Answer a batch's questions, but those too long for the model."""
        indices = range(number * BATCH, min((number + 1) * BATCH, self.most))
        asked = self.tokens.encode([self._put(text) for text in self._texts(indices)])
        fit = {at: ids for at, ids in zip(indices, asked, strict=True) if self._fits(ids)}
        rows = [Prompt(ids, f"{self.plan.seed} answer {at}") for at, ids in fit.items()]
        said = self.sampler.answers(rows, self.plan.answer) if rows else []
        return list(zip(fit.values(), said, strict=True))

    def _texts(self, indices: range) -> list[str]:
        texts = self.questions.texts
        if not self.questions.inventing:
            return [texts[at % len(texts)] for at in indices]
        known = [texts[at] for at in indices if at < len(texts)]
        return known + self._invent([at for at in indices if at >= len(texts)])

    def _invent(self, indices: list[int]) -> list[str]:
        """Let the model write further questions: each after a few seeds, up to an empty line."""
        if not indices:
            return []
        prompts = []
        for at in indices:
            chance = random.Random(f"{self.plan.seed} examples {at}")  # noqa: S311 - repeatable
            chosen = chance.sample(self.questions.texts, EXAMPLES)
            prompts.append("".join(f"{text.rstrip()}\n\n\n" for text in chosen))
        rows = [
            Prompt(ids, f"{self.plan.seed} question {at}")
            for at, ids in zip(indices, self.tokens.encode(prompts), strict=True)
        ]
        said = self.sampler.answers(rows, INVENTED)
        texts = (str(self.tokens.tokenizer.decode(ids)).lstrip("\n") for ids in said)
        return [text.split("\n\n")[0] for text in texts]

    def _put(self, question: str) -> str:
        """Put the question as the model's chat template wants it, if it has one."""
        tokenizer = self.tokens.tokenizer
        if not getattr(tokenizer, "chat_template", None):
            return question
        turns = [{"role": "user", "content": question}]
        return str(tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))

    def _fits(self, ids: list[int]) -> bool:
        """Leave half of the context, or a whole answer, for the answer."""
        room = self.sampler.room
        return 0 < len(ids) <= max(room // 2, room - self.plan.answer)
