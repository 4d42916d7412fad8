"""Every method: the same bytes on one thread and on three, in another folder, in another run."""

from pathlib import Path
from typing import Any

import pytest

from coldforge.quantize.quantize import run_quantize
from coldforge.quantize.registry import methods

pytest.importorskip("torch")
pytestmark = pytest.mark.model
OWN: dict[str, dict[str, Any]] = {"mixed": {"budget": 0.35}, "qat": {"steps": 2}}


@pytest.mark.parametrize("method", sorted(methods()))
def test_threads_and_places_change_no_bit(
    demo: Path, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    digests = set()
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        made = run_quantize(
            str(demo), str(tmp_path / threads), method=method, asked=OWN.get(method),
            calibration=text, samples=2, length=96,
        )  # fmt: skip
        digests.add(made["digest"])
    assert len(digests) == 1
