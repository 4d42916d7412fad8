from collections.abc import Iterator
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.engine.agreement.comparison import compare_greedy
from tests.engine.onnxruntime.graph.rig import WORDS, decoder

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model
PROMPTS = [[1, 2, 3], [4, 5]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A decoder in torch."""
    from coldforge.model.loading.load import load_model

    return load_model(read_checkpoint(decoder(tmp_path_factory.mktemp("greedy"))))


class Straying:
    """An engine that follows a model, but whose second prompt takes another fourth token."""

    positions, vocab = 128, WORDS

    def __init__(self, model: Any, rank: int = 0) -> None:
        """Take the token of this rank there."""
        self.model, self.rank = model, rank

    def follow(self, prompts: list[list[int]], count: int) -> Iterator[list[int]]:
        from coldforge.model.generate import following

        for at, token in enumerate(following(self.model, prompts[0], count)):
            stray = prompts[0] == PROMPTS[1] and at == 3
            yield [self._other(prompts[0], token) if stray else token]

    def _other(self, ids: list[int], token: int) -> int:
        from coldforge.model.generate import following

        known = list(following(self.model, ids, 3))
        with torch.inference_mode():
            ranks = self.model(torch.tensor([ids + known])).logits[0, -1].argsort(descending=True)
        assert int(ranks[0]) == token
        return int(ranks[self.rank])

    def logits(self, ids: list[int]) -> Any:
        raise NotImplementedError


def test_the_same_tokens_are_counted(model: Any) -> None:
    seen: list[int] = []
    found = compare_greedy(model, Straying(model), PROMPTS, 8, 1e-4, seen.append)
    assert found["identical"] == 2
    assert found["agrees"]
    assert found["first_difference"] is None
    assert seen == [8, 8]


def test_the_first_other_token_is_told_with_how_much_torch_prefers_its_own(model: Any) -> None:
    found = compare_greedy(model, Straying(model, 1), PROMPTS, 8, 1e-4)
    first = found["first_difference"]
    assert (found["identical"], found["near_ties"], found["agrees"]) == (1, 0, False)
    assert (first["prompt"], first["at"], first["near_tie"]) == (1, 3, False)
    assert first["torch"] != first["engine"]
    assert first["gap"] > 2e-4


def test_a_near_tie_is_no_fault(model: Any) -> None:
    gap = compare_greedy(model, Straying(model, 1), PROMPTS, 8, 1e-4)["first_difference"]["gap"]
    for share, agrees in ((0.51, True), (0.49, False)):
        found = compare_greedy(model, Straying(model, 1), PROMPTS, 8, gap * share)
        assert found["agrees"] is agrees
        assert found["near_ties"] == int(agrees)
        assert found["identical"] == 1
