"""A small model trained from nothing on the standard library."""

from pathlib import Path
from typing import Any

from coldforge.demo.architectures import WINDOW, untrained
from coldforge.demo.recipe import Recipe
from coldforge.demo.tokenizer import train_tokenizer
from coldforge.demo.training import learn
from coldforge.evaluate.perplexity import Score, score, windows
from coldforge.model.corpus import standard_library
from coldforge.model.runtime import keep_memory, threads
from coldforge.model.tokens import join
from coldforge.progress import step

JUDGED = 32  # held-out windows that the printed perplexities are taken over


def train(out: Path, recipe: Recipe) -> dict[str, Any]:
    """Train tokenizer and model into the folder `out`; return what happened."""
    keep_memory()
    corpus = standard_library()
    learned, judged = corpus.split()
    tokens = train_tokenizer(learned, recipe.kind, recipe.vocabulary, out)
    with step("Encoding the corpus", len(corpus.documents), "files") as encoding:
        stream = join(tokens, learned.texts)
        cut = windows(join(tokens, judged.texts), WINDOW, JUDGED)
        encoding.result = f"{len(stream):,} tokens to learn from"
    model = untrained(recipe.kind, recipe.vocabulary, recipe.seed)
    before = _judge("Judging the untrained model", model, cut)
    with threads():
        loss = learn(model, stream, recipe)
    # Stored and judged as float16: what is measured is what lies on disk.
    _half(model).save_pretrained(out)
    after = _judge("Judging the trained model", model.float(), cut)
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


def _judge(title: str, model: Any, cut: list[list[int]]) -> Score:  # noqa: ANN401
    with step(title, sum(len(window) - 1 for window in cut), "tokens") as judging:
        result = score(model, cut, advance=judging.advance)
        judging.result = f"held-out perplexity {result.perplexity:,.2f}"
    return result


def _half(model: Any) -> Any:  # noqa: ANN401
    model.config.dtype = "float16"
    return model.half()
