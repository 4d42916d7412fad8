"""The Hessian of a linear layer's squared output error: H = X^T X, (in_features, in_features).

X (tokens, in_features) are its calibration inputs. The solver of GPTQ (Frantar et al. 2022, section
3.3) uses the upper Cholesky factor U of the damped inverse,
H^-1 = U^T U. With rows and columns reversed, H = L L^T gives U as the inverse of L reversed: half
the work of inverting H first, and a smaller error. Both are computed in tiles of a fixed size, for
reproducible bits.
"""

from typing import Any

from coldforge.model.deterministic import Workers

DAMPING = 0.01
"""Share of the mean diagonal that is added to it."""

TILE = 512
"""Rows and columns of a tile; fixed, because it decides the order of summation."""


class Hessian:
    """X^T X over all calibration tokens, (in_features, in_features) float64, lower triangle."""

    def __init__(self, width: int, device: Any = "cpu") -> None:  # noqa: ANN401 - a torch device
        """Start with zeros for a layer of `width` = in_features."""
        import torch

        self.width, self.tokens = width, 0
        self.sum = torch.zeros((width, width), dtype=torch.float64, device=device)

    def add(self, rows: Any, pool: Workers) -> None:  # noqa: ANN401 - a tensor
        """Add float32 `rows` (tokens, in_features); the tiles do not depend on `pool`."""
        spans = [slice(at, min(at + TILE, self.width)) for at in range(0, self.width, TILE)]

        def tile(pair: tuple[slice, slice]) -> None:
            down, across = pair
            self.sum[down, across] += (rows[:, down].T @ rows[:, across]).double()

        pool.map(tile, [(a, b) for a in spans for b in spans if a.start >= b.start])
        self.tokens += len(rows)

    @property
    def diagonal(self) -> Any:  # noqa: ANN401 - a tensor
        """Return the sum of squares of each input, float64 (in_features,)."""
        return self.sum.diagonal()

    def factor(self, order: Any, pool: Workers, damping: float = DAMPING) -> Any:  # noqa: ANN401
        """Return U with (H + damping)^-1 = U^T U, float32 upper; `order` permutes the inputs first.

        U is (in_features, in_features); `order` (in_features,) holds indices, or is None. An input
        that was always zero gets the mean of the diagonal.
        """
        full = self.full()
        mean = float(full.diagonal().mean()) or 1.0
        dead = full.diagonal() == 0
        full.diagonal()[dead] = mean
        full.diagonal().add_(damping * mean)
        if order is not None:
            full = full[order][:, order]
        lower = cholesky(full.flip(0, 1).contiguous(), pool)
        return invert_lower(lower, pool).flip(0, 1).float().contiguous()

    def error(self, weight: Any, other: Any, pool: Workers | None = None) -> tuple[float, float]:  # noqa: ANN401
        """Return the squared output error of `other` in place of `weight`, and the output's own.

        Both (out_features, in_features) float32; sums over all tokens and outputs.
        """
        full = self.full().float()

        def energy(rows: slice) -> tuple[float, float]:
            original, difference = weight[rows], (weight - other)[rows]
            return _energy(difference, full), _energy(original, full)

        tiles = [slice(at, at + TILE) for at in range(0, len(weight), TILE)]
        found = pool.map(energy, tiles) if pool else [energy(rows) for rows in tiles]
        return max(0.0, sum(error for error, _ in found)), sum(output for _, output in found)

    def full(self) -> Any:  # noqa: ANN401 - a tensor
        """Return the full symmetric matrix, float64 (in_features, in_features)."""
        import torch

        return torch.tril(self.sum) + torch.tril(self.sum, -1).T


def _energy(matrix: Any, full: Any) -> float:  # noqa: ANN401 - tensors
    return float(((matrix @ full) * matrix).double().sum())


def cholesky(matrix: Any, pool: Workers) -> Any:  # noqa: ANN401 - tensors
    """Factor a positive definite (n, n) float64 matrix in place into L L^T; return lower L."""
    import torch

    spans = _spans(len(matrix))
    for at, here in enumerate(spans):
        matrix[here, here] = torch.linalg.cholesky(matrix[here, here])
        corner, below = matrix[here, here], spans[at + 1 :]

        def panel(down: slice, here: slice = here, corner: Any = corner) -> None:  # noqa: ANN401
            matrix[down, here] = torch.linalg.solve_triangular(
                corner.T, matrix[down, here], upper=True, left=False
            )

        def trail(pair: tuple[slice, slice], here: slice = here) -> None:
            down, across = pair
            matrix[down, across] -= matrix[down, here] @ matrix[across, here].T

        pool.map(panel, below)
        pool.map(trail, [(a, b) for a in below for b in below if a.start >= b.start])
    return matrix.tril_()


def invert_lower(lower: Any, pool: Workers) -> Any:  # noqa: ANN401 - tensors
    """Return the inverse of a lower triangular (n, n) matrix; one column of tiles at a time."""
    import torch

    spans = _spans(len(lower))
    inverse = torch.zeros_like(lower)

    def column(first: int) -> None:
        across = spans[first]
        for at in range(first, len(spans)):
            here = spans[at]
            known = slice(across.start, here.start)
            if at == first:
                target = torch.eye(here.stop - here.start, dtype=lower.dtype, device=lower.device)
            else:
                target = -(lower[here, known] @ inverse[known, across])
            inverse[here, across] = torch.linalg.solve_triangular(
                lower[here, here], target, upper=False
            )

    pool.map(column, range(len(spans)))
    return inverse


def _spans(size: int) -> list[slice]:
    return [slice(at, min(at + TILE, size)) for at in range(0, size, TILE)]
