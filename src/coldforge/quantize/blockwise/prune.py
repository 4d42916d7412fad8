"""Which weights to set to zero before quantising, by magnitude times the size of their input.

Wanda (Sun et al. 2023): per output, the score of a weight is |w| times the norm of its input over
the calibration tokens; without calibration, |w| alone.
"""

from typing import Any

from coldforge.errors import ColdforgeError


def share(text: str) -> float:
    """Read "2:4" or a fraction below 1; return the share of zeros; raise ColdforgeError."""
    if text == "2:4":
        return 0.5
    try:
        fraction = float(text)
    except ValueError:
        fraction = -1.0
    if not 0 < fraction < 1:
        raise ColdforgeError(f"cannot prune {text!r}", "choose --prune 2:4, or a share such as 0.5")
    return fraction


def pruned(weight: Any, text: str, norms: Any = None) -> Any:  # noqa: ANN401 - tensors
    """Return a mask (out_features, in_features), true where a weight is pruned.

    `norms` is (in_features,) or None. 2:4 prunes the two lowest scores of each four consecutive
    inputs; a fraction prunes the lowest of each output.
    """
    import torch

    score = weight.abs() if norms is None else weight.abs() * norms
    rows, width = weight.shape
    if text == "2:4":
        if width % 4:
            raise ColdforgeError(
                f"2:4 needs a multiple of four inputs, not {width}", "choose a fraction"
            )
        fours = score.view(rows, width // 4, 4)
        gone = torch.argsort(fours, dim=2, stable=True)[:, :, :2]
        return torch.zeros_like(fours, dtype=torch.bool).scatter(2, gone, True).view(rows, width)
    gone = torch.argsort(score, dim=1, stable=True)[:, : int(width * share(text))]
    return torch.zeros_like(score, dtype=torch.bool).scatter(1, gone, True)
