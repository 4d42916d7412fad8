"""The graph of GPT-2: learned positions, layer norms, an MLP with the tanh GELU."""

from typing import Any

from coldforge.engine.onnxruntime.graph.attention import BATCH, LENGTH, Attention
from coldforge.engine.onnxruntime.graph.graph import Graph
from coldforge.engine.onnxruntime.graph.linear import Linears
from coldforge.errors import ColdforgeError

GELU = {"gelu": "none", "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh"}
"""activation_function -> the operator's approximation."""
PLAIN = {"scale_attn_by_inverse_layer_idx": False, "scale_attn_weights": True}


def gpt2(graph: Graph, linears: Linears, attention: Attention, config: dict[str, Any]) -> str:
    """Add everything from the token ids to the last norm; return the states' name."""
    _refuse_variants(config)
    ids = attention.begin()
    places = graph.input("position_ids", "int64", [BATCH, LENGTH])
    parts = [
        graph.node("Gather", [_table(graph, linears, name), which], f"{name}.rows")
        for name, which in (("transformer.wte", ids), ("transformer.wpe", places))
    ]
    wide = [graph.node("Cast", [part], f"{part}.wide", to=1) for part in parts]
    states = graph.node("Add", wide, "states")
    for block in range(attention.dimensions.layers):
        stem = f"transformer.h.{block}"
        state = _norm(graph, linears, f"{stem}.ln_1", states, config)
        three = linears.add(f"{stem}.attn.c_attn", state, f"{stem}.attn.c_attn.bias")
        mixed = attention.add(block, three)
        branch = linears.add(f"{stem}.attn.c_proj", mixed, f"{stem}.attn.c_proj.bias")
        states = graph.node("Add", [states, branch], f"{stem}.attended")
        state = _norm(graph, linears, f"{stem}.ln_2", states, config)
        wider = linears.add(f"{stem}.mlp.c_fc", state, f"{stem}.mlp.c_fc.bias")
        kind = GELU[config.get("activation_function", "gelu_new")]
        wider = graph.node("Gelu", [wider], f"{stem}.mlp.gelu", approximate=kind)
        branch = linears.add(f"{stem}.mlp.c_proj", wider, f"{stem}.mlp.c_proj.bias")
        states = graph.node("Add", [states, branch], f"{stem}.output")
    return _norm(graph, linears, "transformer.ln_f", states, config)


def _table(graph: Graph, linears: Linears, name: str) -> str:
    return graph.tensor(f"{name}.weight", linears.weights.array(f"{name}.weight", exact=True))


def _norm(graph: Graph, linears: Linears, name: str, states: str, config: dict[str, Any]) -> str:
    kept = [
        graph.tensor(f"{name}.{part}", linears.weights.array(f"{name}.{part}"))
        for part in ("weight", "bias")
    ]
    epsilon = float(config.get("layer_norm_epsilon", 1e-5))
    return graph.node(
        "LayerNormalization", [states, *kept], f"{name}.output", epsilon=epsilon, axis=-1
    )


def _refuse_variants(config: dict[str, Any]) -> None:
    kind = config.get("activation_function", "gelu_new")
    if kind not in GELU:
        raise ColdforgeError(
            f"no engine for the activation {kind!r}", f"known: {', '.join(sorted(GELU))}"
        )
    for name, usual in PLAIN.items():
        if config.get(name, usual) != usual:
            raise ColdforgeError(f"no engine for {name} = {config[name]}", f"known: {usual}")
