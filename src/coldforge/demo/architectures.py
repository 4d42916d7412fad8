"""Kinds of demo model, each of a family and all of one size.

The inputs of every linear layer divide by 128, the usual group of weights that share a scale.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coldforge.errors import UnknownNameError

WINDOW = 512  # tokens; the model's context
WIDTH, LAYERS, HEADS = 256, 5, 4
COMMON = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0, "attn_implementation": "eager"}


@dataclass(frozen=True)
class Kind:
    """A kind of demo model."""

    build: Callable[[int], Any]
    """Makes a Transformers model with random weights for a vocabulary."""
    summary: str = ""
    """What sets it apart from its family's others."""
    tokenizer: str = ""
    """The class of Transformers that splits its text, whatever the tokenizer's file says."""
    end: str = "<|end|>"
    """The token that ends a text."""
    surveyed: bool = True
    """Whether a survey of demo models trains one."""


def check_kind(kind: str) -> None:
    """Raise UnknownNameError for an unknown kind."""
    if kind not in KINDS:
        raise UnknownNameError("kind", kind, list(KINDS))


def untrained(kind: str, vocabulary: int, seed: int) -> Any:  # noqa: ANN401 - a Transformers model
    """Make a model with random weights; the same arguments make the same weights."""
    import torch

    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # costs time, changes nothing here
    torch.manual_seed(seed)
    return KINDS[kind].build(vocabulary)


def _llama(vocabulary: int) -> Any:  # noqa: ANN401
    """Make a Llama with multi-head attention."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(**_gated(vocabulary, HEADS)))


def _gqa(vocabulary: int) -> Any:  # noqa: ANN401
    """Make a Llama with grouped-query attention, two heads a group."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(**_gated(vocabulary, HEADS // 2)))


def _qwen2(vocabulary: int) -> Any:  # noqa: ANN401
    """Make a Qwen2: grouped-query attention, biases on queries, keys and values."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    return Qwen2ForCausalLM(Qwen2Config(**_gated(vocabulary, HEADS // 2)))


def _gpt2(vocabulary: int) -> Any:  # noqa: ANN401
    """Make a GPT-2: Conv1D layers, learned positions, the head tied to the embedding."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=WINDOW,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=HEADS,
        n_inner=1024,
        embd_pdrop=0.0,
        resid_pdrop=0.0,
        attn_pdrop=0.0,
        summary_first_dropout=0.0,
        **COMMON,
    )
    return GPT2LMHeadModel(config)


def _gated(vocabulary: int, key_value_heads: int) -> dict[str, Any]:
    """Return the config that Llama and Qwen2 share."""
    return {
        "vocab_size": vocabulary,
        "hidden_size": WIDTH,
        "intermediate_size": 640,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": key_value_heads,
        "max_position_embeddings": WINDOW,
        "tie_word_embeddings": False,
        **COMMON,
    }


KINDS = {
    "llama": Kind(_llama),
    "gqa": Kind(_gqa, "Llama with shared keys and values"),
    "gpt2": Kind(_gpt2),
    "qwen2": Kind(_qwen2, tokenizer="Qwen2Tokenizer", end="<|endoftext|>", surveyed=False),
}
