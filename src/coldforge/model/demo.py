"""A small Llama trained from nothing on the standard library: something real to quantise."""

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldforge.model.corpus import Corpus, standard_library
from coldforge.model.evaluate import Score, score, windows
from coldforge.model.runtime import keep_memory, threads
from coldforge.model.tokens import ModelTokens, join
from coldforge.progress import step

END = "<|end|>"
WINDOW = 512  # tokens; the model's context
JUDGED = 32  # held-out windows that the printed perplexities are taken over


@dataclass(frozen=True)
class Recipe:
    """What decides the demo model's bytes, besides the corpus and the machine."""

    seed: int = 0
    steps: int = 200
    batch: int = 4
    """Windows a step learns from."""
    vocabulary: int = 4096
    matrix_rate: float = 1e-2
    """Learning rate of the layers' matrices (Muon)."""
    other_rate: float = 3e-2
    """Learning rate of embeddings, head and norms (AdamW)."""


def train(out: Path, recipe: Recipe) -> dict[str, Any]:
    """Train tokenizer and model into the folder `out`; return what happened."""
    keep_memory()
    corpus = standard_library()
    learn, judge = corpus.split()
    tokens = _tokenizer(learn, recipe, out)
    with step("Encoding the corpus", len(corpus.documents), "files") as encoding:
        stream = join(tokens, learn.texts)
        cut = windows(join(tokens, judge.texts), WINDOW, JUDGED)
        encoding.result = f"{len(stream):,} tokens to learn from"
    model = _untrained(recipe)
    before = _judge("Judging the untrained model", model, cut)
    with threads():
        loss = _learn(model, stream, recipe)
    # Stored and judged as float16: what is measured is what lies on disk.
    _half(model).save_pretrained(out)
    after = _judge("Judging the trained model", model.float(), cut)
    return {
        "corpus": corpus.name,
        "corpus_digest": corpus.digest,
        "parameters": sum(item.numel() for item in model.parameters()),
        "perplexity_untrained": before.perplexity,
        "perplexity": after.perplexity,
        "judged_tokens": after.tokens,
        "learned_tokens": recipe.steps * recipe.batch * WINDOW,
        "last_loss": loss,
    }


def _tokenizer(learn: Corpus, recipe: Recipe, out: Path) -> ModelTokens:
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
        tokenizer.train_from_iterator(learn.texts, trainer)
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


def _untrained(recipe: Recipe) -> Any:  # noqa: ANN401 - a Transformers model
    """Make the model; every linear layer's inputs divide by 128, and no heads are shared."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # costs time, changes nothing here
    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=recipe.vocabulary,
        hidden_size=256,
        intermediate_size=640,
        num_hidden_layers=5,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=WINDOW,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
        attn_implementation="eager",
    )
    return LlamaForCausalLM(config)


def _learn(model: Any, stream: list[int], recipe: Recipe) -> float:  # noqa: ANN401
    """Run the recipe's steps; return the mean loss of the last ten."""
    import torch

    text = torch.tensor(stream)
    optimisers = list(_optimisers(model, recipe))
    chance = random.Random(recipe.seed)  # noqa: S311 - repeatable on purpose
    losses: list[float] = []
    model.train()
    with step("Training the model", recipe.steps, "steps") as training:
        for at in range(recipe.steps):
            starts = [chance.randrange(len(text) - WINDOW) for _ in range(recipe.batch)]
            batch = torch.stack([text[start : start + WINDOW + 1] for start in starts])
            _rate(optimisers, at, recipe)
            losses.append(_one_step(model, batch, optimisers))
            training.advance(1)
        mean = sum(losses[-10:]) / len(losses[-10:])
        training.result = f"loss {losses[0]:.2f} → {mean:.2f}"
    model.eval()
    return mean


def _one_step(model: Any, batch: Any, optimisers: list[Any]) -> float:  # noqa: ANN401
    import torch
    from torch.nn.functional import cross_entropy

    # bfloat16 products, float32 weights and sums.
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(batch[:, :-1], use_cache=False).logits
    loss = cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())
    model.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimiser in optimisers:
        optimiser.step()
    return float(loss.item())


def _optimisers(model: Any, recipe: Recipe) -> Iterator[Any]:  # noqa: ANN401
    """Muon for the layers' matrices learns more from few tokens than AdamW alone."""
    import torch

    outer = ("embed_tokens", "lm_head")
    matrices: list[Any] = []
    others: list[Any] = []
    for name, item in model.named_parameters():
        inner = item.ndim == 2 and not any(word in name for word in outer)
        (matrices if inner else others).append(item)
    yield torch.optim.Muon(
        matrices, lr=recipe.matrix_rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
    )
    yield torch.optim.AdamW(others, lr=recipe.other_rate, betas=(0.9, 0.95), weight_decay=0.0)


def _rate(optimisers: list[Any], at: int, recipe: Recipe) -> None:
    """Warm up over 20 steps, then fall along a cosine to a twentieth."""
    fall = 0.05 + 0.475 * (1 + math.cos(math.pi * at / recipe.steps))
    share = min(1.0, (at + 1) / 20) * fall
    rates = (recipe.matrix_rate, recipe.other_rate)
    for optimiser, rate in zip(optimisers, rates, strict=True):
        for group in optimiser.param_groups:
            group["lr"] = rate * share


def _judge(title: str, model: Any, cut: list[list[int]]) -> Score:  # noqa: ANN401
    with step(title, sum(len(window) - 1 for window in cut), "tokens") as judging:
        result = score(model, cut, advance=judging.advance)
        judging.result = f"held-out perplexity {result.perplexity:,.2f}"
    return result


def _half(model: Any) -> Any:  # noqa: ANN401
    model.config.dtype = "float16"
    return model.half()
