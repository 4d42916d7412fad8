"""The graph of decoders like Llama: RMS norms, rotary positions, a gated MLP."""

from typing import Any

from coldforge.engine.onnxruntime.graph.attention import Attention
from coldforge.engine.onnxruntime.graph.graph import CONTRIB, Graph
from coldforge.engine.onnxruntime.graph.linear import Linears
from coldforge.errors import ColdforgeError
from coldforge.model.families.family import Family

FIXED = frozenset({"default", "linear", "llama3", "yarn"})
"""Rotary kinds whose angles do not depend on the length of the sequence."""


def llama(graph: Graph, linears: Linears, attention: Attention, config: dict[str, Any]) -> str:
    """Add everything from the token ids to the last norm; return the states' name."""
    family = attention.dimensions.family
    _refuse_other_than_silu(family, config)
    ids = attention.begin()
    cosine, sine = rotary_tables(config, attention.dimensions.positions)
    attention.rotary = [graph.tensor("rotary.cosine", cosine), graph.tensor("rotary.sine", sine)]
    attention.window = _window(family, config)
    table = graph.tensor(
        "embedding", linears.weights.array(f"{family.embedding}.weight", exact=True)
    )
    states = graph.node("Gather", [table, ids], "embedded")
    states = graph.node("Cast", [states], "states", to=1)
    norm = RmsNorm(graph, linears, float(config.get(family.fields.epsilon, family.epsilon)))
    attending, _, feeding, _ = family.stages
    state = norm.first(f"{family.blocks}.0.{attending.norm}", states)
    for block in range(attention.dimensions.layers):
        stem = f"{family.blocks}.{block}"
        mixed = _attended(linears, attention, block, stem, state)
        state, states = norm.added(f"{stem}.{feeding.norm}", states, mixed)
        grown = _mlp(graph, linears, family, stem, state)
        following = f"{family.blocks}.{block + 1}.{attending.norm}"
        last = block + 1 == attention.dimensions.layers
        state, states = norm.added(family.final_norm if last else following, states, grown)
    return state


class RmsNorm:
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
    query_key_value, output, *_ = attention.dimensions.family.stages
    names = [f"{stem}.{layer}" for layer in query_key_value.layers]
    if three := linears.together(names, state):
        mixed = attention.add(block, three)
    else:
        mixed = attention.add(block, *(linears.add(name, state, f"{name}.bias") for name in names))
    name = f"{stem}.{output.layers[0]}"
    return linears.add(name, mixed, f"{name}.bias")


def _mlp(graph: Graph, linears: Linears, family: Family, stem: str, state: str) -> str:
    *_, gate_up, down = family.stages
    gate, up = (
        linears.add(f"{stem}.{layer}", state, f"{stem}.{layer}.bias") for layer in gate_up.layers
    )
    share = graph.node("Sigmoid", [gate], f"{stem}.mlp.sigmoid")
    silu = graph.node("Mul", [gate, share], f"{stem}.mlp.silu")
    both = graph.node("Mul", [silu, up], f"{stem}.mlp.gated")
    name = f"{stem}.{down.layers[0]}"
    return linears.add(name, both, f"{name}.bias")


def _refuse_other_than_silu(family: Family, config: dict[str, Any]) -> None:
    kind = config.get(family.fields.activation, family.activation)
    if kind not in {"silu", "swish"}:
        raise ColdforgeError(f"no engine for the activation {kind!r}", "known: silu")


def _window(family: Family, config: dict[str, Any]) -> int:
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
    slides = family.attention == "sliding" or kinds == {"sliding_attention"}
    return int(known.sliding_window or 0) if slides else 0


def _transformers(config: dict[str, Any]) -> Any:  # noqa: ANN401 - a Transformers config
    """Read the config as Transformers does, what it leaves out filled in."""
    from transformers import AutoConfig

    fields = {key: item for key, item in config.items() if key != "quantization_config"}
    return AutoConfig.for_model(**fields)
