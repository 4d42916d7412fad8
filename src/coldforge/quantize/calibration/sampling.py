"""Batched sampling; the draws of a prompt depend on its own seed only."""

import random
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Prompt:
    """A prompt to continue."""

    ids: list[int]
    seed: str
    """Decides the draws, with the temperature."""


@dataclass(frozen=True)
class Sampler:
    """A model, its end tokens and its temperature."""

    model: Any
    ends: frozenset[int]
    """Tokens that end an answer and are not part of it."""
    temperature: float
    """Of the softmax drawn from; 0 takes the likeliest token."""

    @property
    def context(self) -> int:
        """Return the context length, for question and answer together."""
        return int(getattr(self.model.config, "max_position_embeddings", 0)) or 1 << 20

    def answers(self, rows: list[Prompt], most: int) -> list[list[int]]:
        """Continue each prompt by at most `most` tokens, within the context.

        The same batch gives the same tokens; in another batch the last bits of sums may differ.
        """
        import torch

        longest = max(len(row.ids) for row in rows)
        chances = [random.Random(row.seed) for row in rows]  # noqa: S311 - repeatable on purpose
        found: list[list[int]] = [[] for _ in rows]
        # Left padding, hidden by the mask.
        feed = torch.tensor([[0] * (longest - len(row.ids)) + row.ids for row in rows])
        mask = torch.tensor([[0] * (longest - len(row.ids)) + [1] * len(row.ids) for row in rows])
        places = (mask.cumsum(1) - 1).clamp(min=0)
        past, open_rows = None, set(range(len(rows)))
        for _ in range(min(most, self.context - longest)):
            output = self.model(
                feed, attention_mask=mask, position_ids=places, past_key_values=past, use_cache=True
            )
            past = output.past_key_values
            chosen = self._choose(output.logits[:, -1], chances)
            for at in sorted(open_rows):
                if chosen[at] in self.ends:
                    open_rows.discard(at)
                else:
                    found[at].append(chosen[at])
            if not open_rows:
                break
            feed = torch.tensor(chosen)[:, None]
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], 1)
            places = places[:, -1:] + 1
        return found

    def _choose(self, logits: Any, chances: list[random.Random]) -> list[int]:  # noqa: ANN401
        import torch

        if not self.temperature:
            return list(map(int, logits.argmax(-1)))
        cumulative = (logits.double() / self.temperature).softmax(-1).cumsum(-1)
        drawn = torch.tensor([chance.random() for chance in chances], dtype=torch.float64)
        # The sum may end slightly below 1, and the draw be above it.
        steps = torch.searchsorted(cumulative, drawn[:, None], right=True)[:, 0]
        return list(map(int, steps.clamp(max=logits.shape[1] - 1)))


def end_tokens(model: Any, end: int) -> frozenset[int]:  # noqa: ANN401 - a Transformers model
    """Return the end tokens of the model's generation config and of the tokenizer."""
    settings = getattr(model, "generation_config", None)
    ends = getattr(settings, "eos_token_id", None)
    return frozenset({end, *(ends if isinstance(ends, list) else [ends] if ends else [])})
