"""Hyperparameters of the demo model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Architecture, seed, length and rates of a training."""

    kind: str = "llama"
    seed: int = 0
    steps: int = 200
    batch: int = 4
    """Windows a step learns from."""
    vocabulary: int = 4096
    matrix_rate: float = 1e-2
    """Learning rate of the layers' matrices (Muon)."""
    other_rate: float = 3e-2
    """Learning rate of embeddings, head, norms and biases (AdamW)."""
