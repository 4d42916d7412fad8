"""Compare an original and its quantised version: time, memory, disk, text."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.evaluate.workers.worker import Worker, in_turn, start_workers
from coldforge.model.card_facts import circumstances
from coldforge.model.process_stats import spread
from coldforge.progress import amount, step

PROMPT = "import os\n\n\ndef read("
LOADS = 5

Answer = dict[str, Any]


def run_compare(
    model: str,
    quantized: str,
    prompt: str = PROMPT,
    max_new_tokens: int = 32,
    repeats: int = 10,
) -> dict[str, Any]:
    """Measure both, each in a worker process, repeats in turn.

    Raise ColdforgeError for tokenizers that differ, for what cannot be loaded, and for a prompt
    that fills the context.
    """
    if max_new_tokens < 2 or repeats < 1:
        raise ColdforgeError(
            "nothing to time", "choose --max-new-tokens of 2 or more, --repeats of 1 or more"
        )
    started = time.monotonic()
    folders = [read_checkpoint(Path(place)).folder for place in (model, quantized)]
    with start_workers(*folders) as workers:
        facts = _facts(workers)
        measured = _measured(workers, prompt, max_new_tokens, repeats)
    first, second = measured[0].pop("runs")[0], measured[1].pop("runs")[0]
    result: dict[str, Any] = {
        "original": _model(facts[0], first, measured[0]),
        "quantised": _model(facts[1], second, measured[1]),
        "equal_tokens": _equal(first["ids"], second["ids"]),
        "made_by": _made_by(facts[1]["card"]),
        "prompt": prompt,
        "protocol": {
            "dtype": "float32",
            "loads": LOADS,
            "new_tokens": len(first["ids"]),
            "prompt_tokens": first["prompt_tokens"],
            "repeats": repeats,
            "spread": "p10 to p90",
            "threads": 1,
            "tokenizer": facts[0]["tokenizer"],
            "warmup": 1,
        },
        **circumstances("compare", started),
    }
    return result | {"flow": flow(result)}


def flow(found: dict[str, Any]) -> str:
    """Describe the steps from the original to a result, with the cost of each."""
    before, after = found["original"], found["quantised"]
    total = found["protocol"]["new_tokens"]
    steps = [
        f"load {before['load_seconds']['median']:.2f} s",
        f"quantise ({found['made_by'] or 'by another tool'})",
        f"save {amount(after['disk_bytes'])}",
        f"load {after['load_seconds']['median']:.2f} s",
        f"infer {1000 * after['token_seconds']['median']:.1f} ms a token",
        f"result: the first {found['equal_tokens']} of {total} tokens are the original's",
    ]
    return " → ".join(steps)


def _facts(workers: list[Worker]) -> list[Answer]:
    """Start both workers at once; return what is known before loading."""
    with step("Starting both workers"):
        for worker in workers:
            worker.send("facts")
        facts = [worker.receive() for worker in workers]
    if len({fact["tokenizer"] for fact in facts}) > 1:
        names = " and ".join(str(worker.folder) for worker in workers)
        raise ColdforgeError(f"{names} have different tokenizers", "name the original")
    return facts


def _measured(workers: list[Worker], prompt: str, most: int, repeats: int) -> list[Answer]:
    """Load, warm up, time and read the memory; then load again, which would add to it."""
    asked = {"prompt": prompt, "most": most}
    with step("Loading both", len(workers), "models") as work:
        first = in_turn(workers, 1, work.advance, "load")
    with step("Continuing the prompt", (repeats + 1) * len(workers), "runs") as work:
        runs = in_turn(workers, repeats + 1, work.advance, "infer", **asked)
    memory = [worker.ask("memory") for worker in workers]
    with step("Loading both again", LOADS * len(workers), "models") as work:
        again = in_turn(workers, LOADS, work.advance, "load")
    return [
        {
            "runs": runs[at],
            **memory[at],
            **_timings([run["at"] for run in runs[at][1:]]),
            "first_load_seconds": first[at][0]["seconds"],
            "load_seconds": asdict(spread([load["seconds"] for load in again[at]])),
        }
        for at in range(len(workers))
    ]


def _timings(runs: list[list[float]]) -> Answer:
    """Summarise the times of tokens: the first, and the mean of each further."""
    if len(runs[0]) < 2:
        raise ColdforgeError("the context has room for one token only", "shorten the prompt")
    waits = [(at[-1] - at[0]) / (len(at) - 1) for at in runs]
    return {
        "first_token_seconds": asdict(spread([at[0] for at in runs])),
        "token_seconds": asdict(spread(waits)),
    }


def _model(facts: Answer, run: Answer, measured: Answer) -> Answer:
    kept = ("model", "digest", "bits_per_weight", "disk_bytes", "libraries_rss_bytes")
    return {**{name: facts[name] for name in kept}, "text": run["text"], **measured}


def _equal(ours: list[int], theirs: list[int]) -> int:
    """Count the tokens before the first that differs."""
    pairs = enumerate(zip(ours, theirs, strict=True))
    return next((at for at, (one, other) in pairs if one != other), len(ours))


def _made_by(card: Answer) -> str | None:
    """Describe how the card's model was quantised; None without such a card."""
    if "method" not in card:
        return None
    bits, seconds = card.get("parameters", {}).get("bits"), card.get("seconds")
    parts = [str(card["method"])]
    parts += [f"int{bits}"] if bits else []
    parts += [f"{seconds:.0f} s"] if seconds else []
    return ", ".join(parts)
