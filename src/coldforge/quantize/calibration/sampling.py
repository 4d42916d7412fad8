"""Many prompts continued at once; a row's chance depends on its own seed alone."""

import random
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Prompt:
    """A prompt to continue."""

    ids: list[int]
    seed: str
    """Decides what is drawn, with the temperature."""


@dataclass(frozen=True)
class Sampler:
    """A model, and how it is asked."""

    model: Any
    ends: frozenset[int]
    """Tokens that end an answer; they are no part of it."""
    temperature: float
    """Of the softmax drawn from; 0 takes the likeliest token."""

    @property
    def room(self) -> int:
        """Tokens the model takes, question and answer together."""
        return int(getattr(self.model.config, "max_position_embeddings", 0)) or 1 << 20

    def answers(self, rows: list[Prompt], most: int) -> list[list[int]]:
        """Continue each row by at most `most` tokens, as far as the context goes.

        The same rows give the same tokens; beside other rows the last bits of a sum may differ.
        """
        import torch

        longest = max(len(row.ids) for row in rows)
        chances = [random.Random(row.seed) for row in rows]  # noqa: S311 - repeatable on purpose
        found: list[list[int]] = [[] for _ in rows]
        # Shorter rows are filled up on the left, where the mask hides them.
        feed = torch.tensor([[0] * (longest - len(row.ids)) + row.ids for row in rows])
        mask = torch.tensor([[0] * (longest - len(row.ids)) + [1] * len(row.ids) for row in rows])
        places = (mask.cumsum(1) - 1).clamp(min=0)
        past, open_rows = None, set(range(len(rows)))
        for _ in range(min(most, self.room - longest)):
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
        ladder = (logits.double() / self.temperature).softmax(-1).cumsum(-1)
        drawn = torch.tensor([chance.random() for chance in chances], dtype=torch.float64)
        # The sum may end a hair below 1, and the draw above it.
        steps = torch.searchsorted(ladder, drawn[:, None], right=True)[:, 0]
        return list(map(int, steps.clamp(max=logits.shape[1] - 1)))


def end_tokens(model: Any, end: int) -> frozenset[int]:  # noqa: ANN401 - a Transformers model
    """Gather the tokens at which a model's own settings stop, and the tokenizer's end."""
    settings = getattr(model, "generation_config", None)
    told = getattr(settings, "eos_token_id", None)
    return frozenset({end, *(told if isinstance(told, list) else [told] if told else [])})
