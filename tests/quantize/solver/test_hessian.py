"""X^T X and the factor that GPTQ divides by."""

from typing import Any

import pytest

from coldforge.model.deterministic import workers
from coldforge.quantize.solver import hessian as module
from coldforge.quantize.solver.hessian import DAMPING, Hessian

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


def summed(rows: Any, parts: int = 1, threads: int = 2) -> Hessian:
    found = Hessian(rows.shape[1])
    with workers(threads) as pool:
        for part in rows.chunk(parts):
            found.add(part, pool)
    return found


@pytest.fixture
def rows() -> Any:
    return torch.randn(300, 24, generator=torch.Generator().manual_seed(1))


def test_both_triangles_are_the_product(rows: Any) -> None:
    wanted = rows.double().T @ rows.double()
    assert torch.allclose(summed(rows, 3).full(), wanted, atol=1e-4)


def test_the_factor_squared_is_the_damped_inverse(rows: Any) -> None:
    found = summed(rows)
    damped = found.full() + DAMPING * found.diagonal.mean() * torch.eye(24)
    with workers(1) as pool:
        upper = found.factor(None, pool).double()
    assert torch.equal(upper, upper.triu())
    assert torch.allclose(upper.T @ upper @ damped, torch.eye(24).double(), atol=1e-3)


def test_an_order_permutes_the_inputs_first(rows: Any) -> None:
    order = torch.randperm(24, generator=torch.Generator().manual_seed(2))
    with workers(1) as pool:
        found = summed(rows).factor(order, pool)
        wanted = summed(rows[:, order]).factor(None, pool)
    assert torch.allclose(found, wanted, rtol=1e-3, atol=1e-6)


def test_inputs_that_are_always_zero_do_not_stop_it(rows: Any) -> None:
    rows[:, 5] = 0
    with workers(1) as pool:
        assert torch.isfinite(summed(rows).factor(None, pool)).all()
        assert torch.isfinite(summed(torch.zeros_like(rows)).factor(None, pool)).all()


def test_the_error_is_that_of_the_outputs(rows: Any) -> None:
    weight = torch.randn(6, 24, generator=torch.Generator().manual_seed(3))
    other = (weight * 4).round() / 4
    lost, size = summed(rows).error(weight, other)
    assert lost == pytest.approx(float((rows @ (weight - other).T).square().sum()), rel=1e-4)
    assert size == pytest.approx(float((rows @ weight.T).square().sum()), rel=1e-4)


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
