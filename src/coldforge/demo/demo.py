"""A small model trained from scratch on the standard library."""

import time
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.demo.architectures import WINDOW, check_kind, untrained
from coldforge.demo.tokenizer import train_tokenizer
from coldforge.demo.training import Recipe, learn
from coldforge.errors import ColdforgeError
from coldforge.evaluate.perplexity import Score, score, windows
from coldforge.files.output import refuse_foreign, whole, write_card
from coldforge.model.card_facts import DEMO, circumstances
from coldforge.model.corpus import standard_library
from coldforge.model.runtime import keep_memory, prepare, threads
from coldforge.model.tokens import join
from coldforge.progress import step

EVALUATED = 32  # held-out windows that the printed perplexities are taken over


def train(out: Path, recipe: Recipe) -> dict[str, Any]:
    """Train tokenizer and model into the folder `out`; return what happened."""
    keep_memory()
    corpus = standard_library()
    learned, held_out = corpus.split()
    tokens = train_tokenizer(learned, recipe.kind, recipe.vocabulary, out)
    with step("Encoding the corpus", len(corpus.documents), "files") as encoding:
        stream = join(tokens, learned.texts)
        cut = windows(join(tokens, held_out.texts), WINDOW, EVALUATED)
        encoding.result = f"{len(stream):,} tokens to learn from"
    model = untrained(recipe.kind, recipe.vocabulary, recipe.seed)
    before = _evaluate("Evaluating the untrained model", model, cut)
    with threads():
        loss = learn(model, stream, recipe)
    # Stored and evaluated as float16: what is measured is what is stored.
    _half(model).save_pretrained(out)
    after = _evaluate("Evaluating the trained model", model.float(), cut)
    return {
        "architecture": recipe.kind,
        "corpus": corpus.name,
        "corpus_digest": corpus.digest,
        "parameters": sum(item.numel() for item in model.parameters()),
        "perplexity_untrained": before.perplexity,
        "perplexity": after.perplexity,
        "judged_tokens": after.tokens,
        "learned_tokens": recipe.steps * recipe.batch * WINDOW,
        "last_loss": loss,
    }


def _evaluate(title: str, model: Any, cut: list[list[int]]) -> Score:  # noqa: ANN401
    with step(title, sum(len(window) - 1 for window in cut), "tokens") as work:
        result = score(model, cut, advance=work.advance)
        work.result = f"held-out perplexity {result.perplexity:,.2f}"
    return result


def _half(model: Any) -> Any:  # noqa: ANN401
    model.config.dtype = "float16"
    return model.half()


def run_demo(
    out: str, seed: int = 0, steps: int | None = None, kind: str = Recipe.kind
) -> dict[str, Any]:
    """Train a demo model of a kind into `out`; `steps` shortens or lengthens it."""
    check_kind(kind)
    if steps is not None and steps < 1:
        raise ColdforgeError(f"cannot train for {steps} steps", "choose --steps of 1 or more")
    place, started = Path(out), time.monotonic()
    refuse_foreign(place, DEMO)
    prepare()
    recipe = Recipe(kind, seed) if steps is None else Recipe(kind, seed, steps)
    with whole(place, DEMO) as part:
        facts = train(part, recipe)
        facts["digest"] = read_checkpoint(part).digest
        facts |= {"seed": seed, "steps": recipe.steps, **circumstances("model.demo", started)}
        write_card(part, DEMO, facts)
    return facts
