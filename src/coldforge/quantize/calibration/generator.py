"""A model answers questions, and invents further ones after examples."""

import math
import random
from dataclasses import dataclass

from coldforge.errors import ColdforgeError
from coldforge.model.tokens import ModelTokens
from coldforge.quantize.calibration.calibration import check_size
from coldforge.quantize.calibration.questions import Questions
from coldforge.quantize.calibration.sampling import Prompt, Sampler

BATCH = 16  # questions answered at once; fixed: the last bits of sums depend on it
ROUNDS = 8  # answers to each question of a file at most, if they are drawn
SPARE = 4  # factor of questions invented over what suffices if every answer is kept
EXAMPLES = 3  # questions shown to the model when it is to write another
INVENTED = 48  # tokens of an invented question at most
Pairs = list[tuple[list[int], list[int]]]
"""Ids of questions and of their answers."""


@dataclass(frozen=True)
class GenerationPlan:
    """The size of the calibration set, and the sampling parameters."""

    samples: int
    length: int
    answer: int
    """Tokens of an answer at most."""
    temperature: float
    seed: int

    def check(self) -> None:
        """Raise ColdforgeError for sizes or a temperature that are not possible."""
        check_size(self.samples, self.length)
        if self.answer < 1:
            raise ColdforgeError("answers need at least one token", "raise --answer")
        if not 0 <= self.temperature <= 10:
            raise ColdforgeError(
                f"temperature {self.temperature} is out of range",
                "choose 0 to 10, 0 for greedy",
            )


class Generator:
    """Answers questions batch by batch; a batch depends on its number only."""

    def __init__(
        self, sampler: Sampler, tokens: ModelTokens, questions: Questions, plan: GenerationPlan
    ) -> None:
        """Ask `sampler`, whose tokenizer is `tokens`."""
        self.sampler, self.tokens, self.questions, self.plan = sampler, tokens, questions, plan

    @property
    def most(self) -> int:
        """Return the largest number of questions to ask."""
        count = len(self.questions.texts)
        if self.questions.inventing:
            wanted = self.plan.samples * self.plan.length / self.plan.answer
            return max(count, math.ceil(SPARE * wanted))
        return count * (ROUNDS if self.plan.temperature else 1)

    @property
    def batches(self) -> int:
        """Return the number of batches."""
        return math.ceil(self.most / BATCH)

    def too_long(self) -> int:
        """Count the questions that leave too little context for an answer."""
        texts = [self._templated(text) for text in self.questions.texts]
        return sum(not self._fits(ids) for ids in self.tokens.encode(texts))

    def batch(self, number: int) -> Pairs:
        """Answer a batch's questions, except those too long for the model."""
        indices = range(number * BATCH, min((number + 1) * BATCH, self.most))
        asked = self.tokens.encode([self._templated(text) for text in self._texts(indices)])
        fit = {at: ids for at, ids in zip(indices, asked, strict=True) if self._fits(ids)}
        rows = [Prompt(ids, f"{self.plan.seed} answer {at}") for at, ids in fit.items()]
        answers = self.sampler.answers(rows, self.plan.answer) if rows else []
        return list(zip(fit.values(), answers, strict=True))

    def _texts(self, indices: range) -> list[str]:
        texts = self.questions.texts
        if not self.questions.inventing:
            return [texts[at % len(texts)] for at in indices]
        known = [texts[at] for at in indices if at < len(texts)]
        return known + self._invent([at for at in indices if at >= len(texts)])

    def _invent(self, indices: list[int]) -> list[str]:
        """Let the model write further questions, each after a few seeds, up to an empty line."""
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
        answers = self.sampler.answers(rows, INVENTED)
        texts = (str(self.tokens.tokenizer.decode(ids)).lstrip("\n") for ids in answers)
        return [text.split("\n\n")[0] for text in texts]

    def _templated(self, question: str) -> str:
        """Apply the model's chat template, if it has one."""
        tokenizer = self.tokens.tokenizer
        if not getattr(tokenizer, "chat_template", None):
            return question
        turns = [{"role": "user", "content": question}]
        return str(tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))

    def _fits(self, ids: list[int]) -> bool:
        """Tell whether half of the context, or a complete answer, is left for the answer."""
        context = self.sampler.context
        return 0 < len(ids) <= max(context // 2, context - self.plan.answer)
