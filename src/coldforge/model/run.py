"""The model half's verbs, plain arguments in and plain results out; tasks only print them."""

import sys
import time
from pathlib import Path
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.model.checkpoint import Checkpoint, compare, read_checkpoint
from coldforge.model.corpus import Corpus, read_texts, standard_library
from coldforge.model.output import refuse_foreign, whole, write_card
from coldforge.model.runtime import image, prepare, versions
from coldforge.progress import step

WINDOW = 512  # tokens; the default of quantising and judging
LIMIT = 64  # windows judged unless asked otherwise
DEMO, QUANTISED = "demo model", "quantised model"


def run_demo(out: str, seed: int = 0, steps: int | None = None) -> dict[str, Any]:
    """Train the demo model into `out`; `steps` shortens or lengthens it."""
    from coldforge.model.demo import Recipe, train

    if steps is not None and steps < 1:
        raise ColdforgeError(f"cannot train for {steps} steps", "choose --steps of 1 or more")
    place, started = Path(out), time.monotonic()
    refuse_foreign(place, DEMO)
    prepare()
    recipe = Recipe(seed=seed) if steps is None else Recipe(seed=seed, steps=steps)
    with whole(place, DEMO) as part:
        facts = train(part, recipe)
        facts["digest"] = read_checkpoint(part).digest
        facts |= {"seed": seed, "steps": recipe.steps, **_circumstances(started)}
        write_card(part, DEMO, facts)
    return facts


def run_quantize(  # noqa: PLR0913 - a flag each
    model: str,
    out: str,
    *,
    method: str = "gptq",
    bits: int = 4,
    group_size: int = 128,
    calibration: str | None = None,
    samples: int = 128,
    length: int = WINDOW,
    seed: int = 0,
) -> dict[str, Any]:
    """Quantise `model` into `out`; calibration text is a file or folder, else the default."""
    from coldforge.model.method import Request, check_groups
    from coldforge.model.methods import find_method
    from coldforge.model.tokens import copy_files

    started, place = time.monotonic(), Path(out)
    chosen = find_method(method, bits)
    checkpoint = read_checkpoint(Path(model))
    if checkpoint.quantization:
        raise ColdforgeError(f"{model} is quantised already", "name the original model")
    check_groups(checkpoint, group_size)
    refuse_foreign(place, QUANTISED)
    prepare()
    drawn = _calibration(checkpoint, calibration, samples, length, seed)
    with whole(place, QUANTISED) as part:
        with step(f"Quantising with {method}", None, "layers") as work:
            result = chosen.quantise(
                Request(checkpoint, drawn, part, bits, group_size, seed, work.grow, work.advance)
            )
            copy_files(checkpoint.folder, part)
            made = read_checkpoint(part)
            work.result = f"{made.linear_bytes / made.linear_fp16_bytes:.3f} of fp16's linear bytes"
        facts = {
            "method": method,
            "parameters": {"bits": bits, "group_size": group_size, **result.settings},
            "seed": seed,
            "model_digest": checkpoint.digest,
            "calibration": drawn.facts,
            "digest": made.digest,
            "layer_errors": {item.layer: item.error for item in result.layers},
            **_sizes(made),
            **_circumstances(started),
        }
        write_card(part, QUANTISED, facts)
    return facts


def run_evaluate(
    model: str,
    reference: str | None = None,
    text: str | None = None,
    window: int = WINDOW,
    limit: int = LIMIT,
) -> dict[str, Any]:
    """Judge `model` on `text`, else the default corpus's held-out files; compare to `reference`."""
    started = time.monotonic()
    checkpoint = read_checkpoint(Path(model))
    original = read_checkpoint(Path(reference)) if reference else None
    corpus = _judged(text)
    if window < 2:
        raise ColdforgeError(f"a window of {window} judges nothing", "choose --window of 2 or more")
    prepare()
    from coldforge.model.evaluate import score, windows
    from coldforge.model.load import load_model
    from coldforge.model.tokens import ModelTokens, join

    tokens = ModelTokens(checkpoint.folder)
    if original and ModelTokens(original.folder).digest != tokens.digest:
        raise ColdforgeError(
            f"{model} and {reference} have different tokenizers", "name its origin"
        )
    cut = windows(join(tokens, corpus.texts), window, limit)
    with step("Judging the model", len(cut) * (window - 1), "tokens") as judging:
        theirs = load_model(original) if original else None
        found = score(load_model(checkpoint), cut, theirs, judging.advance)
        judging.result = f"perplexity {found.perplexity:,.3f}"
    result: dict[str, Any] = {
        "model": model,
        "digest": checkpoint.digest,
        "perplexity": found.perplexity,
        "protocol": {
            "corpus": corpus.name,
            "corpus_digest": corpus.digest,
            "dtype": "float32",
            "stride": window,
            "tokenizer": tokens.digest,
            "tokens": found.tokens,
            "window": window,
            "windows": len(cut),
        },
        **_sizes(checkpoint),
        **_circumstances(started),
    }
    if found.divergence is not None and found.agreeing is not None:
        result["reference"] = {
            "model": reference,
            "kl": found.divergence / found.tokens,
            "top1_agreement": found.agreeing / found.tokens,
        }
    return result


def run_generate(
    model: str, prompt: str, max_new_tokens: int = 64, stream: bool = False
) -> dict[str, Any]:
    """Continue `prompt`; with `stream`, write the text to stdout as it grows."""
    started = time.monotonic()
    checkpoint = read_checkpoint(Path(model))
    prepare()
    from coldforge.model.generate import continuation, pieces
    from coldforge.model.load import load_model
    from coldforge.model.tokens import ModelTokens

    tokens = ModelTokens(checkpoint.folder)
    loaded = load_model(checkpoint)
    if stream:
        sys.stdout.write(prompt)
    text = ""
    for piece in pieces(tokens, continuation(loaded, tokens, prompt, max_new_tokens)):
        text += piece
        if stream:
            sys.stdout.write(piece)
            sys.stdout.flush()
    return {"model": model, "prompt": prompt, "text": text, **_circumstances(started)}


def run_diff(one: str, other: str) -> dict[str, Any]:
    """Compare two model directories tensor by tensor."""
    return compare(read_checkpoint(Path(one)), read_checkpoint(Path(other)))


def _calibration(
    checkpoint: Checkpoint, text: str | None, samples: int, length: int, seed: int
) -> Any:  # noqa: ANN401 - Calibration, whose module is imported here
    from coldforge.model.calibrate import draw
    from coldforge.model.tokens import ModelTokens

    # The default corpus's held-out files stay unseen, so that they can judge.
    corpus = read_texts(Path(text)) if text else standard_library().split()[0]
    with step("Drawing calibration windows") as drawing:
        drawn = draw(corpus, ModelTokens(checkpoint.folder), samples, length, seed)
        drawing.result = f"{samples} of {length} tokens from {corpus.name}"
    return drawn


def _judged(text: str | None) -> Corpus:
    return read_texts(Path(text)) if text else standard_library().split()[1]


def _sizes(checkpoint: Checkpoint) -> dict[str, int]:
    return {
        "disk_bytes": checkpoint.disk_bytes,
        "linear_bytes": checkpoint.linear_bytes,
        "linear_fp16_bytes": checkpoint.linear_fp16_bytes,
    }


def _circumstances(started: float) -> dict[str, Any]:
    return {
        "image": image(),
        "seconds": round(time.monotonic() - started, 2),
        "versions": versions(),
    }
