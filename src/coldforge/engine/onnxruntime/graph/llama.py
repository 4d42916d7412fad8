"""The graph of Llama, Mistral and Qwen2: RMS norms, rotary positions, a gated MLP."""

from typing import Any

from coldforge.engine.onnxruntime.graph.attention import Attention
from coldforge.engine.onnxruntime.graph.graph import CONTRIB, Graph
from coldforge.engine.onnxruntime.graph.linear import Linears
from coldforge.errors import ColdforgeError

FIXED = frozenset({"default", "linear", "llama3", "yarn"})
"""Rotary kinds whose angles do not depend on the length of the sequence."""


def llama(graph: Graph, linears: Linears, attention: Attention, config: dict[str, Any]) -> str:
    """Add everything from the token ids to the last norm; return the states' name."""
    _refuse_other_than_silu(config)
    ids = attention.begin()
    cosine, sine = rotary_tables(config, attention.dimensions.positions)
    attention.rotary = [graph.tensor("rotary.cosine", cosine), graph.tensor("rotary.sine", sine)]
    attention.window = _window(config)
    table = graph.tensor(
        "embedding", linears.weights.array("model.embed_tokens.weight", exact=True)
    )
    states = graph.node("Gather", [table, ids], "embedded")
    states = graph.node("Cast", [states], "states", to=1)
    norm = Norm(graph, linears, float(config.get("rms_norm_eps", 1e-6)))
    state = norm.first("model.layers.0.input_layernorm", states)
    for block in range(attention.dimensions.layers):
        stem = f"model.layers.{block}"
        mixed = _attended(linears, attention, block, stem, state)
        state, states = norm.added(f"{stem}.post_attention_layernorm", states, mixed)
        grown = _mlp(graph, linears, stem, state)
        following = f"model.layers.{block + 1}.input_layernorm"
        last = block + 1 == attention.dimensions.layers
        state, states = norm.added("model.norm" if last else following, states, grown)
    return state


class Norm:
    """RMS norms; each but the first adds a branch to the stream before it reads it.

    Source: ONNX Runtime's ContribOperators, SkipSimplifiedLayerNormalization.
    """

    def __init__(self, graph: Graph, linears: Linears, epsilon: float) -> None:
        """Use one epsilon for all."""
        self.graph, self.linears, self.epsilon = graph, linears, epsilon

    def first(self, name: str, states: str) -> str:
        """Norm the stream as it is."""
        return self.graph.node(
            "RMSNormalization", [states, self._weight(name)], f"{name}.output",
            epsilon=self.epsilon, axis=-1, stash_type=1,
        )  # fmt: skip

    def added(self, name: str, states: str, branch: str) -> tuple[str, str]:
        """Add a branch to the stream; return the norm of the sum, and the sum."""
        self.graph.add(
            f"{CONTRIB}.SkipSimplifiedLayerNormalization",
            [states, branch, self._weight(name)],
            [f"{name}.output", "", "", f"{name}.stream"],
            epsilon=self.epsilon,
        )
        return f"{name}.output", f"{name}.stream"

    def _weight(self, name: str) -> str:
        return self.graph.tensor(f"{name}.weight", self.linears.weights.array(f"{name}.weight"))


def rotary_tables(config: dict[str, Any], positions: int) -> tuple[Any, Any]:
    """Compute cosines and sines, float32 (positions, head_dim / 2), as Transformers does.

    Raise ColdforgeError for angles that change with the length of the sequence.
    """
    import torch
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    settings = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = settings.get("rope_type") or settings.get("type") or "default"
    if kind not in FIXED:
        raise ColdforgeError(
            f"rotary positions of type {kind!r} depend on the length of the text",
            f"engines hold these: {', '.join(sorted(FIXED))}",
        )
    embedding = LlamaRotaryEmbedding(_transformers(config))
    places = torch.arange(positions)[None]
    cosine, sine = embedding(torch.zeros(1), places)
    half = cosine.shape[-1] // 2
    tables = (table[0, :, :half].contiguous().numpy() for table in (cosine, sine))
    return next(tables), next(tables)


def _attended(linears: Linears, attention: Attention, block: int, stem: str, state: str) -> str:
    names = [f"{stem}.self_attn.{part}" for part in ("q_proj", "k_proj", "v_proj")]
    if three := linears.together(names, state):
        mixed = attention.add(block, three)
    else:
        mixed = attention.add(block, *(linears.add(name, state, f"{name}.bias") for name in names))
    return linears.add(f"{stem}.self_attn.o_proj", mixed, f"{stem}.self_attn.o_proj.bias")


def _mlp(graph: Graph, linears: Linears, stem: str, state: str) -> str:
    gate, up = (
        linears.add(f"{stem}.mlp.{part}", state, f"{stem}.mlp.{part}.bias")
        for part in ("gate_proj", "up_proj")
    )
    share = graph.node("Sigmoid", [gate], f"{stem}.mlp.sigmoid")
    silu = graph.node("Mul", [gate, share], f"{stem}.mlp.silu")
    both = graph.node("Mul", [silu, up], f"{stem}.mlp.gated")
    return linears.add(f"{stem}.mlp.down_proj", both, f"{stem}.mlp.down_proj.bias")


def _refuse_other_than_silu(config: dict[str, Any]) -> None:
    if config.get("hidden_act", "silu") not in {"silu", "swish"}:
        raise ColdforgeError(
            f"no engine for the activation {config['hidden_act']!r}", "known: silu"
        )


def _window(config: dict[str, Any]) -> int:
    """Return how far a token sees back, 0 for all the way; raise ColdforgeError if it varies.

    Source: Transformers, which lets Mistral's blocks all do as sliding_window says, Qwen2's as
    layer_types or max_window_layers say, and Llama's none.
    """
    known = _transformers(config)
    kinds = set(getattr(known, "layer_types", None) or ())
    if len(kinds) > 1:
        raise ColdforgeError(
            "the attention windows of the blocks differ", "an engine needs the same one in all"
        )
    slides = known.model_type == "mistral" or kinds == {"sliding_attention"}
    return int(known.sliding_window or 0) if slides else 0


def _transformers(config: dict[str, Any]) -> Any:  # noqa: ANN401 - a Transformers config
    """Read the config as Transformers does, what it leaves out filled in."""
    from transformers import AutoConfig

    fields = {key: item for key, item in config.items() if key != "quantization_config"}
    return AutoConfig.for_model(**fields)
