"""The logits and greedy tokens of an engine, its checkpoint in torch and the original, compared."""

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.engine.agreement.distance import Distance
from coldforge.engine.agreement.logits import DECODE, PREFILL, compare_logits, feeds
from coldforge.engine.backend import Runner, backends, find_backend
from coldforge.engine.card import Engine
from coldforge.engine.generate import open_runner
from coldforge.model.families.dimensions import dimensions
from coldforge.model.generate import following
from coldforge.model.loading.load import load_model, rounds_inputs
from coldforge.progress import step

TORCH, ROUNDING, ORIGINAL = "torch", "torch, inputs rounded to int8", "torch, original"

Result = dict[str, Any]


@dataclass(frozen=True)
class Compared:
    """The models and the engine that are compared."""

    checkpoint: Checkpoint
    engine: Engine
    original: Checkpoint | None


class Comparison:
    """Compares logits and tokens; the checkpoint's model in torch is loaded once."""

    def __init__(self, compared: Compared, prompts: list[list[int]], tolerance: float) -> None:
        """Load the model, its weights decoded to float32, its inputs never rounded."""
        self.compared, self.prompts, self.tolerance = compared, prompts, tolerance
        self.size = dimensions(compared.checkpoint.config)
        with step("Loading the checkpoint"):
            self.model = load_model(compared.checkpoint, rounding=False)

    def backends(self) -> list[Result]:
        """Measure each backend's logits; the engine's first."""
        with step("Comparing logits") as under_way:
            found = [
                self._engine(),
                *self._rounding(),
                self._original(),
                *left_out(self.compared.engine),
            ]
            under_way.result = f"{found[0]['max_abs'] or math.nan:.3g} at most"
        return found

    def greedy(self, count: int) -> Result:
        """Compare the tokens that follow each prompt in the engine's generation loop."""
        runner = open_runner(self.compared.engine)
        with step("Comparing tokens", len(self.prompts) * count, "tokens") as under_way:
            found = compare_greedy(
                self.model, runner, self.prompts, count, self.tolerance, under_way.advance
            )
            under_way.result = f"{found['identical']} of {len(self.prompts)} prompts identical"
        return found

    def _engine(self) -> Result:
        backend = find_backend(self.compared.engine.backend)
        runner = backend.logits(self.compared.engine)
        phases = self._apart([self._torch(TORCH, self.model), runner])
        within = all(item.within for item in phases.values())
        return {**_said(backend.title, phases), "within": within}

    def _rounding(self) -> list[Result]:
        """Measure what rounding the inputs changes, where the checkpoint asks for it."""
        if not rounds_inputs(self.compared.checkpoint):
            return []
        other = self._torch(ROUNDING, load_model(self.compared.checkpoint))
        return [_said(ROUNDING, self._apart([self._torch(TORCH, self.model), other]))]

    def _original(self) -> Result:
        """Measure the error of quantising; only on prompts: a cache belongs to one model."""
        if self.compared.original is None:
            return {"name": ORIGINAL, "skipped": "no --original given"}
        first = self._torch(ORIGINAL, load_model(self.compared.original))
        pair = [first, self._torch(TORCH, self.model)]
        return _said(ORIGINAL, self._apart(pair, (PREFILL,)))

    def _apart(
        self, pair: list[Any], phases: Iterable[str] = (PREFILL, DECODE)
    ) -> dict[str, Distance]:
        """Measure the second of a pair against the first, a phase at a time."""
        found = {}
        for phase in phases:
            fed = feeds(phase, self.model, self.size, self.prompts)
            found[phase] = compare_logits(pair, fed, self.tolerance)[0]
        return found

    def _torch(self, name: str, model: Any) -> Any:  # noqa: ANN401 - a Transformers model; a runner
        from coldforge.engine.agreement.torch_runner import TorchRunner

        return TorchRunner(name, model, self.size)


def _said(name: str, phases: dict[str, Distance]) -> Result:
    whole = sum(phases.values(), Distance())
    parts = {phase: item.json() for phase, item in phases.items()}
    return {"name": name, **whole.json(), "phases": parts}


def left_out(engine: Engine) -> list[Result]:
    """Say of each other backend why it is left out."""
    others = (item for item in backends().values() if item.name != engine.backend)
    return [{"name": item.title, "skipped": item.not_compared()} for item in others]


@dataclass(frozen=True)
class TokenDifference:
    """The first place where an engine chose another token than torch."""

    prompt: int
    at: int
    """Tokens that were the same before."""
    torch: int
    engine: int
    gap: float
    """Torch's logit of its own token minus that of the engine's."""
    near_tie: bool
    """Whether errors within the tolerance could swap the two tokens."""


def compare_greedy(
    model: Any,  # noqa: ANN401 - a Transformers model
    runner: Runner,
    prompts: list[list[int]],
    count: int,
    tolerance: float,
    advance: Callable[[int], None] = lambda count: None,
) -> dict[str, Any]:
    """Generate `count` tokens after each prompt with both; stop at the first difference.

    A difference is a near tie, not an error, if torch's two logits are no further apart than
    twice the tolerance.
    """
    found = []
    for place, ids in enumerate(prompts):
        expected = list(following(model, ids, count))
        chosen = [tokens[0] for tokens in runner.follow([ids], count)]
        at = next((at for at in range(count) if expected[at] != chosen[at]), None)
        if at is not None:
            gap = _gap(model, ids + expected[:at], expected[at], chosen[at])
            near = gap <= 2 * tolerance
            found.append(TokenDifference(place, at, expected[at], chosen[at], gap, near))
        advance(count)
    ties = sum(item.near_tie for item in found)
    return {
        "prompts": len(prompts),
        "tokens": count,
        "identical": len(prompts) - len(found),
        "near_ties": ties,
        "first_difference": asdict(found[0]) if found else None,
        "differences": [asdict(item) for item in found],
        "agrees": len(found) == ties,
    }


def _gap(model: Any, ids: list[int], one: int, other: int) -> float:  # noqa: ANN401
    import torch

    with torch.inference_mode():
        logits = model(torch.tensor([ids])).logits[0, -1]
    return float(logits[one] - logits[other])
