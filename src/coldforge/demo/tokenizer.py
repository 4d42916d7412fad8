"""A byte-level BPE tokenizer, trained on a corpus: any text can be encoded, no token is unknown."""

import json
from pathlib import Path
from typing import Any

from coldforge.demo.architectures import KINDS, WINDOW, Kind
from coldforge.model.corpus import Corpus
from coldforge.model.tokens import ModelTokens
from coldforge.progress import step

CONFIG = "tokenizer_config.json"


def train_tokenizer(corpus: Corpus, kind: str, vocabulary: int, out: Path) -> ModelTokens:
    """Train a tokenizer of `vocabulary` tokens, the end token first, into the folder `out`."""
    from transformers import PreTrainedTokenizerFast

    made, end = KINDS[kind], KINDS[kind].end
    with step("Training the tokenizer") as training:
        tokenizer = _trained(corpus, vocabulary, KINDS[kind])
        fast = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            bos_token=end,
            eos_token=end,
            pad_token=end,
            model_max_length=WINDOW,
            clean_up_tokenization_spaces=False,
        )
        fast.save_pretrained(out)
        training.result = f"{tokenizer.get_vocab_size():,} tokens"
    _name_class(out / CONFIG, made.tokenizer or "PreTrainedTokenizerFast")
    return ModelTokens(out)


def _trained(corpus: Corpus, vocabulary: int, kind: Kind) -> Any:  # noqa: ANN401
    """Train a byte-level BPE; return a tokenizers.Tokenizer."""
    from tokenizers import Tokenizer, decoders, models, trainers
    from tokenizers.pre_tokenizers import ByteLevel

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if kind.tokenizer:
        _prepare_as(tokenizer, kind.tokenizer)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[kind.end],
        initial_alphabet=sorted(ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus.texts, trainer)
    return tokenizer


def _prepare_as(tokenizer: Any, name: str) -> None:  # noqa: ANN401 - a Tokenizer
    """Split text as a class of Transformers does, whatever the tokenizer's file says."""
    import transformers

    theirs = getattr(transformers, name)().backend_tokenizer
    tokenizer.normalizer, tokenizer.pre_tokenizer = theirs.normalizer, theirs.pre_tokenizer


def _name_class(path: Path, name: str) -> None:
    """Name the tokenizer's class as releases of Transformers before 5 know it too."""
    settings = json.loads(path.read_text("utf-8"))
    settings["tokenizer_class"] = name
    path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", "utf-8")
