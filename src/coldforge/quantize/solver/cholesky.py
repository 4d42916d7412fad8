"""Cholesky factor and triangular inverse in tiles of a fixed size, for reproducible bits."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coldforge.quantize.solver.pool import Pool

TILE = 512
"""Rows and columns of a tile; fixed, because it decides the order of summation."""


def cholesky(matrix: Any, pool: "Pool") -> Any:  # noqa: ANN401 - tensors
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


def invert_lower(lower: Any, pool: "Pool") -> Any:  # noqa: ANN401 - tensors
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
