"""Work beside each other, results in order."""

import time
from typing import Any

import pytest

from coldforge.model.deterministic import cores, workers

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


def test_results_come_in_the_order_of_the_items() -> None:
    def slow_first(item: int) -> int:
        time.sleep(0.02 * (item == 0))
        return item

    with workers(3) as pool:
        assert pool.map(slow_first, range(9)) == list(range(9))


def test_every_thread_computes_alone_and_without_gradients() -> None:
    with workers(2) as pool:
        found = pool.map(lambda _: (torch.get_num_threads(), torch.is_grad_enabled()), range(4))
    assert set(found) == {(1, False)}


def test_the_number_of_threads_is_given_back() -> None:
    before = torch.get_num_threads()
    with workers(2):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_an_error_in_one_piece_reaches_the_caller() -> None:
    with workers(2) as pool, pytest.raises(ZeroDivisionError):
        pool.map(lambda item: 1 // item, [1, 0])


def test_omp_num_threads_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cores() == 3
