"""Memory of a process that runs an ONNX Runtime engine, as engine.build writes it.

Predicted is the growth of the process's resident memory over one that has run a tiny engine, so
without Python and the libraries. Each weight is there once: what MatMul and MatMulNBits repack is
private memory and its original is let go; embedding, scales and zero points are mapped from the
file, and count as far as they were touched.
"""

import math

from coldforge.checkpoint.formats.format import Width
from coldforge.engine.memory.outline import Layer, Outline, precision
from coldforge.engine.memory.prediction import Prediction
from coldforge.engine.memory.settings import MemorySettings
from coldforge.engine.onnxruntime.graph.matmul_nbits import LEAST, MOST

FLOAT = 4
HEAD_WIDTH = Width(8, 32, middle=True)
"""Of a plain head where inputs are rounded to int8."""
CODE = 7_100_000
"""Bytes, measured: library code that runs for the first time, and buffers that do not grow."""
NODE = 12_000
"""Bytes, measured: what the runtime keeps for one linear layer besides its weight."""
AROUND = 65_536
"""Bytes that the kernel maps at once around a page (fault_around_bytes)."""
FORMULA = {
    "weights": "float32 of layers that are not quantised, and of the head; codes at 4 or 8 bits, a "
    "float32 scale and a zero point per block and output; embedding as stored. Each is there once: "
    "the runtime lets go of what it has repacked (measured with release 1.31)",
    "kv": "layers x 2 x batch x kv_heads x (input + output) x head_dim x 4. Source: "
    "past_present_share_buffer in genai_config.json: one cache, made in full at once",
    "workspace": "logits of all positions, batch x input x vocabulary x 4; what the arena keeps of "
    "a block, batch x input x 4 x (3.5 hidden + 4 heads x head_dim + 5 kv_heads x head_dim + "
    "3 intermediate), fitted to measurements of release 1.31 (q, k and v of one product: once "
    "more; eight-bit weights: 2 hidden + 2 intermediate more); 7.1 MB of library code",
}


def predict_onnxruntime(outline: Outline, settings: MemorySettings) -> Prediction:
    """Predict the process's bytes, without libraries."""
    int8_activations = settings.activations == "int8"
    stored = [_StoredLayer(layer, layer.width, int8_activations) for layer in outline.blocks()]
    head = outline.head()
    rounded = HEAD_WIDTH if int8_activations and head.width is None else head.width
    top = _StoredLayer(head, rounded, int8_activations)
    weights = {
        "linear layers": sum(item.size for item in stored),
        "embedding": _embedding(outline),
        "head": top.size,
        "norms and tables": _small(outline),
    }
    kv = _kv(outline, settings)
    workspace = _workspace(outline, settings, [*stored, top])
    run = sum(weights.values()) - weights["embedding"] + kv + sum(workspace.values())
    resident = _loading(stored, top) | {"run_peak_bytes": run + _touched(outline, settings)}
    name = precision(outline, "fp32")
    name = f"{name} + int8 activations" if int8_activations else name
    return Prediction(name, weights, kv, workspace, FORMULA, resident)


class _StoredLayer:
    """The bytes of one layer in the graph.

    size: in the file; original: its weight alone there; loaded: in memory once it is repacked;
    sums: what repacking adds to it.
    """

    def __init__(self, layer: Layer, width: Width | None, int8_activations: bool) -> None:
        """Count its bytes as `coldforge.engine.onnxruntime.graph.matmul_nbits` packs it."""
        self.layer, self.width = layer, width
        if width is None:
            self.size = self.loaded = self.original = layer.weights * FLOAT
            self.sums, self.twice = 0, False
            return
        bits = 4 if width.bits <= 4 else 8
        blocks = layer.inputs // _block(width.group or layer.inputs)
        # Eight bits and float32 inputs: two halves of four bits, with scales and zeros each.
        halves = 2 if bits == 8 and not int8_activations else 1
        self.original = layer.weights * bits // 8
        scales = layer.outputs * blocks * halves * FLOAT
        # The graph leaves zero points out where they are the middle of codes of its own width.
        stores_zeros = halves == 2 or not (width.middle and width.bits == bits)
        zeros = layer.outputs * -(-blocks * halves * (bits // halves) // 8) if stores_zeros else 0
        order = 8 * layer.inputs if width.order else 0
        self.size = self.original + scales + zeros + order
        # For int8 inputs the runtime reads the scales at once, and repacks them with sums of codes.
        self.sums = (2 if bits == 4 else 3) * scales if int8_activations else 0
        self.loaded = self.original + self.sums + (scales + zeros if int8_activations else 0)
        self.twice = halves == 2


def _loading(stored: list[_StoredLayer], head: _StoredLayer) -> dict[str, int]:
    """Return the bytes held once loaded, and the peak before: one original beside its copy."""
    loaded = sum(item.loaded for item in [*stored, head]) + NODE * len(stored)
    largest = max(item.original for item in stored)
    peak = loaded + max(head.original, largest - head.loaded)
    return {"loaded_bytes": loaded, "loading_peak_bytes": peak}


def _block(group: int) -> int:
    return max(min(group & -group, MOST), LEAST)


def _embedding(outline: Outline) -> int:
    """Bytes of embedding and learned positions: float16 where the checkpoint's are, or float32."""
    size = outline.size
    return (size.vocab * size.hidden + outline.places) * _element(outline)


def _element(outline: Outline) -> int:
    dtype = outline.config.get("dtype") or outline.config.get("torch_dtype")
    return 2 if str(dtype).removeprefix("torch.") == "float16" else FLOAT


def _small(outline: Outline) -> int:
    """Bytes of norms, biases and rotary tables, float32."""
    size = outline.size
    biases = sum(layer.outputs for layer in outline.blocks() if layer.bias)
    tables = size.positions * size.head_dim if size.family.positions == "rotary" else 0
    return FLOAT * (outline.norms + biases + tables)


def _kv(outline: Outline, settings: MemorySettings) -> int:
    size = outline.size
    tokens = settings.max_batch_size * settings.length
    return size.layers * 2 * tokens * size.kv_heads * size.head_dim * FLOAT


def _workspace(
    outline: Outline, settings: MemorySettings, stored: list[_StoredLayer]
) -> dict[str, int]:
    size = outline.size
    tokens = settings.max_batch_size * settings.max_input_len
    query, keys = size.heads * size.head_dim, size.kv_heads * size.head_dim
    numbers = 7 * size.hidden // 2 + 4 * query + 5 * keys + 3 * size.intermediate
    if not size.family.joint:
        numbers += query + 2 * keys  # q, k and v of one product, taken apart again
    if any(item.twice for item in stored):
        numbers += 2 * (size.hidden + size.intermediate)
    rounded = 2 * size.intermediate if settings.activations == "int8" else 0
    return {
        "activations": tokens * (FLOAT * numbers + rounded),
        "logits": tokens * size.vocab * FLOAT,
        "repacked scales and sums": sum(item.sums for item in stored),
        "library code": CODE + NODE * len(stored),
    }


def _touched(outline: Outline, settings: MemorySettings) -> int:
    """Bytes of the embedding that are mapped when every token is drawn at random.

    The kernel maps windows of AROUND bytes; each token hits a window, some hit the same.
    """
    row = outline.size.hidden * _element(outline)
    table = _embedding(outline)
    windows = table / AROUND
    tokens = settings.max_batch_size * settings.length
    hit = min((1 + (row - 1) / AROUND) / windows, 1.0)
    return round(table * -math.expm1(tokens * math.log1p(-hit))) if hit < 1 else table
