"""A small model trained from nothing on the standard library."""

import json
from pathlib import Path
from typing import Any

from coldforge.model.corpus import Corpus, standard_library
from coldforge.model.demo.architectures import WINDOW, untrained
from coldforge.model.demo.recipe import Recipe
from coldforge.model.demo.training import learn
from coldforge.model.evaluate import Score, score, windows
from coldforge.model.runtime import keep_memory, threads
from coldforge.model.tokens import ModelTokens, join
from coldforge.progress import step

END = "<|end|>"
JUDGED = 32  # held-out windows that the printed perplexities are taken over


def train(out: Path, recipe: Recipe) -> dict[str, Any]:
    """Train tokenizer and model into the folder `out`; return what happened."""
    keep_memory()
    corpus = standard_library()
    learned, judged = corpus.split()
    tokens = _tokenizer(learned, recipe, out)
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


def _tokenizer(corpus: Corpus, recipe: Recipe, out: Path) -> ModelTokens:
    """Train a byte-level BPE tokenizer; any text can be encoded, no token is unknown."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    with step("Training the tokenizer") as training:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=recipe.vocabulary,
            special_tokens=[END],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator(corpus.texts, trainer)
        fast = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            bos_token=END,
            eos_token=END,
            pad_token=END,
            model_max_length=WINDOW,
            clean_up_tokenization_spaces=False,
        )
        fast.save_pretrained(out)
        training.result = f"{tokenizer.get_vocab_size():,} tokens"
    _rename_class(out / "tokenizer_config.json")
    return ModelTokens(out)


def _rename_class(path: Path) -> None:
    """Name the tokenizer's class as releases of Transformers before 5 know it too."""
    settings = json.loads(path.read_text("utf-8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", "utf-8")


def _judge(title: str, model: Any, cut: list[list[int]]) -> Score:  # noqa: ANN401
    with step(title, sum(len(window) - 1 for window in cut), "tokens") as judging:
        result = score(model, cut, advance=judging.advance)
        judging.result = f"held-out perplexity {result.perplexity:,.2f}"
    return result


def _half(model: Any) -> Any:  # noqa: ANN401
    model.config.dtype = "float16"
    return model.half()
