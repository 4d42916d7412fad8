"""Factors by tiles against the library's own, and against themselves on other thread counts."""

from typing import Any

import pytest

from coldforge.model.deterministic import workers
from coldforge.quantize.solver import cholesky as module

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


@pytest.fixture(params=[7, 64, 130])
def matrix(request: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A positive definite matrix of one tile, of whole tiles, of tiles and a rest."""
    monkeypatch.setattr(module, "TILE", 32)
    size = request.param
    rows = torch.randn(3 * size, size, generator=torch.Generator().manual_seed(size)).double()
    return rows.T @ rows


def test_the_factor_is_the_librarys(matrix: Any) -> None:
    with workers(2) as pool:
        found = module.cholesky(matrix.clone(), pool)
    assert torch.allclose(found, torch.linalg.cholesky(matrix))


def test_the_inverse_undoes_the_factor(matrix: Any) -> None:
    lower = torch.linalg.cholesky(matrix)
    with workers(2) as pool:
        found = module.invert_lower(lower, pool)
    assert torch.allclose(found @ lower, torch.eye(len(matrix)).double(), atol=1e-9)


def test_threads_change_no_bit(matrix: Any) -> None:
    found = []
    for count in (1, 3):
        with workers(count) as pool:
            lower = module.cholesky(matrix.clone(), pool)
            found.append(module.invert_lower(lower, pool))
    assert torch.equal(*found)
