"""The door for model families: what a module `model/families/NAME.py` says in its FAMILY.

    FAMILY = Family(
        name="llama",
        blocks="model.layers",
        stages=(
            Stage("hidden", {"self_attn.q_proj": "query", ...}, norm="input_layernorm"),
            Stage("query", {"self_attn.o_proj": "hidden"}, linear="self_attn.v_proj"),
            ...
        ),
        embedding="model.embed_tokens",
        final_norm="model.norm",
        norm="rms",
        positions="rotary",
        gated=True,
    )

A family close to another is `dataclasses.replace(llama.FAMILY, name=...)`. The module is found by
its place; quantiser, ONNX graph, loader check and memory prediction read the family.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Features = Literal["hidden", "query", "key_value", "joint", "intermediate"]
"""What passes between layers: the hidden state, all query heads, all key (or value) heads, queries
with keys and values in one matrix, the MLP's inner layer."""


@dataclass(frozen=True)
class Stage:
    """Linear layers of a block that read one input, and what makes that input."""

    inputs: Features
    projections: Mapping[str, Features]
    """Layer -> its outputs, in the order in which a block computes."""
    norm: str = ""
    """The norm whose output they read, where there is nothing between."""
    linear: str = ""
    """The linear layer whose output, times something, they read element by element."""

    @property
    def layers(self) -> tuple[str, ...]:
        """List the layers' names within the block."""
        return tuple(self.projections)


@dataclass(frozen=True)
class Fields:
    """The fields of config.json that hold a model's numbers; an empty name: there is none."""

    layers: str = "num_hidden_layers"
    hidden: str = "hidden_size"
    heads: str = "num_attention_heads"
    kv_heads: str = "num_key_value_heads"
    """Left out: as many as there are heads."""
    head_dim: str = "head_dim"
    """Left out: hidden / heads."""
    intermediate: str = "intermediate_size"
    vocab: str = "vocab_size"
    positions: str = "max_position_embeddings"
    activation: str = "hidden_act"
    epsilon: str = "rms_norm_eps"
    """What the norms add to the variance."""


@dataclass(frozen=True)
class Family:
    """Models of one architecture, by the names and numbers that Hugging Face's files have."""

    name: str
    """The model_type of config.json."""
    blocks: str
    """Name of the list of blocks."""
    stages: tuple[Stage, ...]
    """In the order in which a block computes."""
    embedding: str
    final_norm: str
    """The norm between the last block and the head."""
    norm: Literal["rms", "layer"]
    """RMS norms have a weight, layer norms a weight and a bias."""
    positions: Literal["rotary", "learned"]
    gated: bool
    """Whether the MLP multiplies its inner layer by a gate."""
    position_embedding: str = ""
    """Name of the table of learned positions."""
    attention: Literal["full", "sliding"] = "full"
    """How far a token sees back: `sliding`: as sliding_window of config.json says, in all blocks;
    `full`: all the way, unless config.json's layer_types say otherwise."""
    transposed: bool = False
    """Whether linear weights are stored (in_features, out_features), as Conv1D does."""
    biases: Mapping[str, bool | str] = field(default_factory=dict)
    """Layer -> True, or the field of config.json that says whether it has a bias."""
    fields: Fields = Fields()
    tied: bool = False
    """Whether the head is the embedding, where config.json does not say."""
    activation: str = "silu"
    """The MLP's activation, where config.json does not say."""
    epsilon: float = 1e-6
    """The norms' epsilon, where config.json does not say."""
    expansion: int = 0
    """Intermediate features per hidden one, where config.json may leave them out; 0: it may not."""

    @property
    def layers(self) -> tuple[str, ...]:
        """List a block's linear layers in the order in which it computes."""
        return tuple(layer for stage in self.stages for layer in stage.layers)

    @property
    def joint(self) -> bool:
        """Tell whether queries, keys and values are one matrix."""
        return "joint" in self.stages[0].projections.values()

    @property
    def base(self) -> str:
        """Name the model without its head; some checkpoints leave this prefix out."""
        return self.blocks.partition(".")[0]

    def has_bias(self, layer: str, config: Mapping[str, object]) -> bool:
        """Tell whether a block's linear layer has a bias."""
        rule = self.biases.get(layer, False)
        return bool(config.get(rule)) if isinstance(rule, str) else rule
