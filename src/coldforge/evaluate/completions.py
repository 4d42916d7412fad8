"""Write a model's completions of HumanEval's problems, a line each; a killed run continues."""

import random
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint, read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.evaluate.humaneval import Problem, read_problems, truncated
from coldforge.files.digest import sha256_file, sha256_json
from coldforge.files.jsonlines import appending, read_lines
from coldforge.model.card_facts import circumstances, sizes
from coldforge.model.runtime import prepare
from coldforge.model.tokens import FILES, ModelTokens
from coldforge.progress import step

MOST = 512  # tokens of a completion
TEMPERATURE = 0.8
"""For several samples; the paper's choice where k is large."""


def run_samples(
    model: str,
    problems: str,
    out: str,
    samples: int = 1,
    limit: int = 0,
    most: int = MOST,
) -> dict[str, Any]:
    """Complete the first `limit` problems (0: all), `samples` times each, into a file in `out`.

    One sample takes the likeliest token each time; several are drawn, each with a seed of its own.
    The file is the same for the same weights, problems and settings; completions in it are kept.
    """
    started, checkpoint = time.monotonic(), read_checkpoint(Path(model))
    if samples < 1 or most < 1:
        raise ColdforgeError("nothing to write", "choose --samples of 1 or more")
    asked = read_problems(Path(problems))
    settings = {"max_new_tokens": most, "temperature": TEMPERATURE if samples > 1 else 0.0}
    path = Path(out) / f"candidates-{_key(checkpoint, asked, settings)}.jsonl"
    requested = list(product(asked[: limit or None], range(samples)))
    known = {(line["task_id"], line["sample"]) for line in read_lines(path)}
    missing = [item for item in requested if (item[0].task_id, item[1]) not in known]
    if missing:
        prepare()
        _write(checkpoint, path, missing, settings)
    return {
        "path": str(path),
        "model": model,
        "digest": checkpoint.digest,
        "settings": settings,
        "written": len(missing),
        "kept": len(requested) - len(missing),
        **sizes(checkpoint),
        **circumstances("samples", started),
    }


def _key(checkpoint: Checkpoint, problems: list[Problem], settings: dict[str, Any]) -> str:
    words = [checkpoint.folder / name for name in FILES]
    tokenizer = [sha256_file(path) for path in words if path.is_file()]
    made_of = [checkpoint.digest, checkpoint.config, tokenizer, problems, settings]
    return sha256_json(made_of)[:16]


def _write(
    checkpoint: Checkpoint, path: Path, missing: list[tuple[Problem, int]], settings: dict[str, Any]
) -> None:
    from coldforge.model.loading.load import load_model

    with step("Loading the model"):
        tokens, model = ModelTokens(checkpoint.folder), load_model(checkpoint)
    most, temperature = settings["max_new_tokens"], settings["temperature"]
    with step("Writing completions", len(missing), "completions") as writing, appending(path) as to:
        for problem, sample in missing:
            choose = drawing(f"{problem.task_id} {sample}", temperature) if temperature else None
            completion = complete(model, tokens, problem, most, choose)
            to.add({"task_id": problem.task_id, "sample": sample, "completion": completion})
            writing.advance(1)


def complete(
    model: Any,  # noqa: ANN401 - a Transformers model
    tokens: ModelTokens,
    problem: Problem,
    most: int,
    choose: Callable[[Any], int] | None,
) -> str:
    """Complete a problem up to a stop sequence; nothing where its prompt fills the context.

    The prompt's trailing newline is removed: tokens mostly hold it with the blanks after it.
    """
    from coldforge.model.generate import continuation, pieces

    prompt = problem.prompt.rstrip()
    context = int(getattr(model.config, "max_position_embeddings", 0))
    if context and len(tokens.encode([prompt])[0]) >= context:
        return ""
    return stopped(pieces(tokens, continuation(model, tokens, prompt, most, choose)))


def stopped(parts: Iterator[str]) -> str:
    """Join text up to the first stop sequence."""
    text = ""
    for part in parts:
        text += part
        if (cut := truncated(text)) != text:
            return cut
    return text


def drawing(seed: str, temperature: float) -> Callable[[Any], int]:
    """Choose by chance from the softmax of logits / `temperature`; a seed's draws repeat."""
    import torch

    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def choose(logits: Any) -> int:  # noqa: ANN401 - a tensor
        cumulative = (logits.double() / temperature).softmax(-1).cumsum(-1)
        place = torch.searchsorted(cumulative, cumulative.new_tensor(chance.random()), right=True)
        return min(int(place), len(cumulative) - 1)  # the sum may end below the draw

    return choose
