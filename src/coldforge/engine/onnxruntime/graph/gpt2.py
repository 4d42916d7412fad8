"""The graph of GPT-2: learned positions, layer norms, an MLP with the tanh GELU."""

from typing import Any

from coldforge.engine.onnxruntime.graph.attention import BATCH, LENGTH, Attention
from coldforge.engine.onnxruntime.graph.graph import Graph
from coldforge.engine.onnxruntime.graph.linear import Linears
from coldforge.errors import ColdforgeError
from coldforge.model.families.family import Family

GELU = {"gelu": "none", "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh"}
"""activation_function -> the operator's approximation."""
PLAIN = {"scale_attn_by_inverse_layer_idx": False, "scale_attn_weights": True}


def gpt2(graph: Graph, linears: Linears, attention: Attention, config: dict[str, Any]) -> str:
    """Add everything from the token ids to the last norm; return the states' name."""
    family = attention.dimensions.family
    _refuse_variants(family, config)
    ids = attention.begin()
    places = graph.input("position_ids", "int64", [BATCH, LENGTH])
    parts = [
        graph.node("Gather", [_table(graph, linears, name), which], f"{name}.rows")
        for name, which in ((family.embedding, ids), (family.position_embedding, places))
    ]
    wide = [graph.node("Cast", [part], f"{part}.wide", to=1) for part in parts]
    states = graph.node("Add", wide, "states")
    joint, output, up, down = (stage.layers[0] for stage in family.stages)
    norms = LayerNorm(graph, linears, float(config.get(family.fields.epsilon, family.epsilon)))
    for block in range(attention.dimensions.layers):
        stem = f"{family.blocks}.{block}"
        state = norms.add(f"{stem}.{family.stages[0].norm}", states)
        three = linears.add(f"{stem}.{joint}", state, f"{stem}.{joint}.bias")
        mixed = attention.add(block, three)
        branch = linears.add(f"{stem}.{output}", mixed, f"{stem}.{output}.bias")
        states = graph.node("Add", [states, branch], f"{stem}.attended")
        state = norms.add(f"{stem}.{family.stages[2].norm}", states)
        wider = linears.add(f"{stem}.{up}", state, f"{stem}.{up}.bias")
        kind = GELU[config.get(family.fields.activation, family.activation)]
        wider = graph.node("Gelu", [wider], f"{stem}.mlp.gelu", approximate=kind)
        branch = linears.add(f"{stem}.{down}", wider, f"{stem}.{down}.bias")
        states = graph.node("Add", [states, branch], f"{stem}.output")
    return norms.add(family.final_norm, states)


class LayerNorm:
    """Layer norms with one epsilon."""

    def __init__(self, graph: Graph, linears: Linears, epsilon: float) -> None:
        """Use one epsilon for all."""
        self.graph, self.linears, self.epsilon = graph, linears, epsilon

    def add(self, name: str, states: str) -> str:
        """Normalise the states; return the output's name."""
        kept = [
            self.graph.tensor(f"{name}.{part}", self.linears.weights.array(f"{name}.{part}"))
            for part in ("weight", "bias")
        ]
        return self.graph.node(
            "LayerNormalization", [states, *kept], f"{name}.output", epsilon=self.epsilon, axis=-1
        )


def _table(graph: Graph, linears: Linears, name: str) -> str:
    return graph.tensor(f"{name}.weight", linears.weights.array(f"{name}.weight", exact=True))


def _refuse_variants(family: Family, config: dict[str, Any]) -> None:
    kind = config.get(family.fields.activation, family.activation)
    if kind not in GELU:
        raise ColdforgeError(
            f"no engine for the activation {kind!r}", f"known: {', '.join(sorted(GELU))}"
        )
    for name, usual in PLAIN.items():
        if config.get(name, usual) != usual:
            raise ColdforgeError(f"no engine for {name} = {config[name]}", f"known: {usual}")
