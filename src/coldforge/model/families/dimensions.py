"""The numbers of a decoder that decide its size, read from config.json alone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldforge.errors import ColdforgeError

LLAMA_LIKE = frozenset({"llama", "mistral", "qwen2"})


@dataclass(frozen=True)
class Dimensions:
    """A decoder's numbers, whatever its family calls them."""

    kind: str
    """Its model_type."""
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    positions: int
    """Tokens of the longest sequence it was made for."""
    tied: bool
    """Whether the head is the embedding again."""

    @property
    def gated(self) -> bool:
        """Tell whether its MLP has a gate: three matrices instead of two."""
        return self.kind in LLAMA_LIKE

    def linears(self) -> dict[str, tuple[int, int]]:
        """Map a block's linear layers to (inputs, outputs), as the family names them."""
        query, value = self.heads * self.head_dim, self.kv_heads * self.head_dim
        if not self.gated:
            return {
                "attn.c_attn": (self.hidden, query + 2 * value),
                "attn.c_proj": (query, self.hidden),
                "mlp.c_fc": (self.hidden, self.intermediate),
                "mlp.c_proj": (self.intermediate, self.hidden),
            }
        return {
            "self_attn.q_proj": (self.hidden, query),
            "self_attn.k_proj": (self.hidden, value),
            "self_attn.v_proj": (self.hidden, value),
            "self_attn.o_proj": (query, self.hidden),
            "mlp.gate_proj": (self.hidden, self.intermediate),
            "mlp.up_proj": (self.hidden, self.intermediate),
            "mlp.down_proj": (self.intermediate, self.hidden),
        }


def dimensions(config: Mapping[str, Any]) -> Dimensions:
    """Read them; raise ColdforgeError for a family we do not know or a number that is missing."""
    kind = str(config.get("model_type"))
    try:
        if kind == "gpt2":
            return _gpt2(config)
        if kind in LLAMA_LIKE:
            return _llama(kind, config)
    except (KeyError, TypeError, ValueError) as error:
        raise ColdforgeError(
            f"config.json does not say what an engine needs: {error}", "copy config.json again"
        ) from error
    known = ", ".join(sorted(LLAMA_LIKE | {"gpt2"}))
    raise ColdforgeError(f"no engine for models of type {kind!r}", f"known types: {known}")


def read_dimensions(place: Path) -> Dimensions:
    """Read them from a model directory, or from its config.json."""
    path = place / "config.json" if place.is_dir() else place
    try:
        config = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ColdforgeError(f"{path} cannot be read: {error}", "name a model directory") from error
    return dimensions(config)


def _llama(kind: str, config: Mapping[str, Any]) -> Dimensions:
    hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
    return Dimensions(
        kind=kind,
        layers=int(config["num_hidden_layers"]),
        hidden=hidden,
        heads=heads,
        kv_heads=int(config.get("num_key_value_heads") or heads),
        head_dim=int(config.get("head_dim") or hidden // heads),
        intermediate=int(config["intermediate_size"]),
        vocab=int(config["vocab_size"]),
        positions=int(config["max_position_embeddings"]),
        tied=bool(config.get("tie_word_embeddings", False)),
    )


def _gpt2(config: Mapping[str, Any]) -> Dimensions:
    hidden, heads = int(config["n_embd"]), int(config["n_head"])
    return Dimensions(
        kind="gpt2",
        layers=int(config["n_layer"]),
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        intermediate=int(config.get("n_inner") or 4 * hidden),
        vocab=int(config["vocab_size"]),
        positions=int(config["n_positions"]),
        tied=bool(config.get("tie_word_embeddings", True)),
    )
