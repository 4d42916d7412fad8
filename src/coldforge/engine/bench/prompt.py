"""Prompts of an exact length, the same wherever they are made."""

import random

HOW = "uniform over the vocabulary that all engines share, by Python's generator, seeded per cell"


def prompts(vocab: int, length: int, count: int, seed: int) -> list[list[int]]:
    """Draw `count` prompts of `length` tokens each below `vocab`; a seed's draws repeat."""
    chance = random.Random(f"{seed} {length} {count}")  # noqa: S311 - repeatable on purpose
    return [[chance.randrange(vocab) for _ in range(length)] for _ in range(count)]
