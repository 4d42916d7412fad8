from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.experiments.survey.evaluation import LogitsReader, LogitsWriter

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model

CUT = [[1, 2, 3], [4, 5, 6], [1, 2, 3]]


class Model:
    """Answers with numbers that tell the window."""

    config = SimpleNamespace(vocab_size=7)

    def __call__(self, ids: Any, use_cache: bool) -> Any:
        return SimpleNamespace(logits=ids[..., None] * torch.arange(7.0))


def record(path: Path, order: list[int]) -> None:
    with LogitsWriter(Model(), CUT, path) as recording:
        for at in order:
            recording(torch.tensor([CUT[at]]), use_cache=False)


def test_logits_come_back_as_they_were_whatever_the_order(tmp_path: Path) -> None:
    record(tmp_path / "logits", [2, 1, 0])
    recorded = LogitsReader(CUT, tmp_path / "logits")
    for window in CUT:
        ids = torch.tensor([window])
        assert torch.equal(recorded(ids).logits, Model()(ids, use_cache=False).logits)


def test_a_recording_that_failed_leaves_no_file_to_trust(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), LogitsWriter(Model(), CUT, tmp_path / "logits"):
        raise RuntimeError
    assert not (tmp_path / "logits").exists()


def test_logits_beyond_the_disk_are_refused(tmp_path: Path) -> None:
    large = Model()
    large.config = SimpleNamespace(vocab_size=1 << 50)
    with pytest.raises(ColdforgeError, match="logits need"):
        LogitsWriter(large, CUT, tmp_path / "logits")
