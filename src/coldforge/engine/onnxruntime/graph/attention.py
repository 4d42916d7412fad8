"""Attention with a cache, and the inputs and outputs that every decoder shares."""

from dataclasses import dataclass, field

from coldforge.engine.onnxruntime.graph.graph import CONTRIB, Graph
from coldforge.model.families.dimensions import Dimensions

BATCH, LENGTH, PAST, TOTAL = "batch", "length", "past", "total"


@dataclass
class Attention:
    """The cache's inputs and outputs, and what the operator derives from the mask.

    Source: ONNX Runtime's ContribOperators, com.microsoft.GroupQueryAttention.
    """

    graph: Graph
    dimensions: Dimensions
    window: int = 0
    """Tokens a token sees back, 0 for all."""
    rotary: list[str] = field(default_factory=list)
    """Names of the cosine and sine tables; none where positions are added to the embedding."""

    def begin(self) -> str:
        """Declare tokens and mask, derive the lengths; return the name of the token ids."""
        import numpy as np

        graph = self.graph
        ids = graph.input("input_ids", "int64", [BATCH, LENGTH])
        mask = graph.input("attention_mask", "int64", [BATCH, TOTAL])
        one, last = (np.array([value], dtype=np.int64) for value in (1, 1))
        axis, back = graph.tensor("axis", one), graph.tensor("one", last)
        summed = graph.node("ReduceSum", [mask, axis], "mask.sum", keepdims=0)
        ends = graph.node("Sub", [summed, back], "mask.last")
        graph.node("Cast", [ends], "ends", to=_int32())
        shape = graph.node("Shape", [mask], "mask.shape", start=1, end=2)
        graph.node("Cast", [shape], "total_length", to=_int32())
        return ids

    def add(self, block: int, query: str, key: str = "", value: str = "") -> str:
        """Attend in a block, keeping its cache; `query` alone holds all three in turn."""
        graph, size = self.graph, self.dimensions
        kept, grown = [], []
        for kind in ("key", "value"):
            shape: list[str | int] = [BATCH, size.kv_heads, PAST, size.head_dim]
            kept.append(graph.input(f"past_key_values.{block}.{kind}", "float32", shape))
            shape = [BATCH, size.kv_heads, TOTAL, size.head_dim]
            grown.append(graph.output(f"present.{block}.{kind}", "float32", shape))
        output = f"block.{block}.attention"
        graph.add(
            f"{CONTRIB}.GroupQueryAttention",
            [query, key, value, *kept, "ends", "total_length", *self.rotary],
            [output, *grown],
            num_heads=size.heads,
            kv_num_heads=size.kv_heads,
            scale=size.head_dim**-0.5,
            do_rotary=int(bool(self.rotary)),
            local_window_size=self.window or -1,
        )
        return output


def _int32() -> int:
    import onnx

    return int(onnx.TensorProto.INT32)
