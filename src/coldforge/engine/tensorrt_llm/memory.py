"""TensorRT-LLM: weights + KV cache + workspace of the fullest card, before anything is built.

Sources, in the releases' own files:
- weights: tensorrt_llm/quantization/layers.py (WeightOnlyGroupwiseQuantLinear: codes, scale and
  zero in the engine's dtype; WeightOnlyQuantLinear: one scale an output; SmoothQuantLinear: float32
  scales), models/llama/model.py (embedding on each card, head cut and padded);
- KV cache: runtime/generation.py, setup; from 0.7.1 on also profiler.py, check_gpt_mem_usage;
- workspace: cpp/tensorrt_llm/plugins/gptAttentionCommon, getWorkspaceSizeForContext, the groupwise
  plugin's configurePlugin, and docs/source/memory.md: TensorRT reuses one block's memory for all
  blocks, sized by the longest input. What is live at once within a block is our estimate.
"""

from coldforge.engine.memory.outline import Layer, Outline, precision
from coldforge.engine.memory.prediction import Prediction
from coldforge.engine.memory.settings import MemorySettings
from coldforge.errors import ColdforgeError
from coldforge.model.families.dimensions import Dimensions

CUBLAS = 32 * 1024**2
"""Bytes of workspace that the plugins ask for cuBLAS."""
RESERVE = 1024**3
"""An allowance, not a formula. On an idle A10 the driver holds 0.5 GiB; a process's
CUDA context and the kernels it loads take about as much again."""
HELD = (4, 8)
FORMULA = {
    "weights": "per card: codes at their bits; a scale and a zero point of the dtype per group and "
    "output; embedding (whole on each card), head (cut by tp, vocabulary padded), norms and biases "
    "in the dtype; blocks / pp. Source: tensorrt_llm/quantization/layers.py, models/llama/model.py",
    "kv": "layers / pp x 2 x batch x ceil(kv_heads / tp) x (input + output) x head_dim x bytes; a "
    "paged cache rounds up to whole blocks of tokens. Source: "
    "tensorrt_llm/runtime/generation.py, setup (0.5.0); profiler.py, check_gpt_mem_usage (0.7.1)",
    "workspace": "the largest of one block's attention and MLP at batch x input tokens (estimate "
    "after docs/source/memory.md), attention's own buffers and 32 MiB for cuBLAS (source: "
    "gptAttentionCommon.cpp, getWorkspaceSizeForContext; without context FMHA they grow with the "
    "square of the input), logits, and an allowance of 1 GiB for driver, CUDA context and kernels",
}


def predict_tensorrt(outline: Outline, settings: MemorySettings) -> Prediction:
    """Predict the fullest card's bytes; raise ColdforgeError for widths no release holds."""
    _refuse_uneven(outline.size, settings)
    names = {2: "fp16", 4: "fp32"}
    plain = "bf16" if settings.dtype == "bfloat16" else names[settings.element]
    return Prediction(
        precision(outline, plain),
        _weights(outline, settings),
        kv_bytes(outline, settings),
        _workspace(outline, settings),
        FORMULA,
    )


def _refuse_uneven(size: Dimensions, settings: MemorySettings) -> None:
    """Raise ColdforgeError if cards cannot share the model evenly."""
    for name, count in (("heads", size.heads), ("units of the MLP", size.intermediate)):
        if count % settings.tp:
            raise ColdforgeError(
                f"--tp {settings.tp} does not divide the model's {count} {name}",
                f"choose one that divides {size.heads} and {size.intermediate}",
            )
    if size.layers % settings.pp:
        raise ColdforgeError(
            f"--pp {settings.pp} does not divide the model's {size.layers} layers",
            f"choose one that divides {size.layers}",
        )


def kv_bytes(outline: Outline, settings: MemorySettings) -> int:
    """Bytes of the cache: contiguous, for whole batch and longest sequence."""
    size = outline.size
    heads = -(-size.kv_heads // settings.tp)
    each = 1 if settings.int8_kv_cache else settings.element
    tokens = settings.max_batch_size * settings.length
    return size.layers // settings.pp * 2 * tokens * heads * size.head_dim * each


def _weights(outline: Outline, settings: MemorySettings) -> dict[str, int]:
    """Count what a card holds, bytes; with pp the first has the embedding, the last the head."""
    size, element = outline.size, settings.element
    layers = list(outline.blocks())
    each = len(layers) // settings.pp
    ranks = [layers[start : start + each] for start in range(0, len(layers), each)]
    linear = max(sum(_bytes(layer, outline, settings) for layer in rank) for rank in ranks)
    embedding = (size.vocab * size.hidden + outline.places) * element
    padded = -(-size.vocab // settings.tp) * size.hidden * element
    if settings.pp > 1:
        embedding, padded = (embedding, 0) if embedding >= padded else (0, padded)
    small = -(-outline.norms // settings.pp) * element
    return {"linear layers": linear, "embedding": embedding, "head": padded, "norms": small}


def _bytes(layer: Layer, outline: Outline, settings: MemorySettings) -> int:
    """Count the bytes of one card's share of a layer, bias included."""
    inputs, outputs = _share(layer, outline, settings.tp)
    element, width = settings.element, layer.width
    bias = outputs * element if layer.bias else 0
    if width is None:
        return inputs * outputs * element + bias
    if width.bits not in HELD:
        raise ColdforgeError(
            f"no release holds weights of {width.bits} bits: {layer.name}",
            "predict --bits 4 or 8, or --backend onnxruntime",
        )
    if width.group and inputs % width.group and inputs != layer.inputs:
        raise ColdforgeError(
            f"--tp {settings.tp} cuts a group of {width.group} weights of {layer.name}: "
            f"{inputs} inputs a card",
            "choose a smaller --tp, or quantise with --group-size 32 or 64",
        )
    codes = inputs * outputs * width.bits // 8
    scales = width.groups(inputs) * outputs * (4 if width.inputs else element)
    zeros = scales if width.group and width.zeros else 0
    return codes + scales + zeros + (inputs * element if width.smooth else 0) + bias


def _share(layer: Layer, outline: Outline, tp: int) -> tuple[int, int]:
    """Cut a layer for one card: (in_features, out_features). KV heads are never split."""
    size = outline.size
    if layer.gives == "hidden":
        return layer.inputs // tp, layer.outputs
    keys = -(-size.kv_heads // tp) * size.head_dim
    if layer.gives == "key_value":
        return layer.inputs, keys
    if layer.gives == "joint":
        return layer.inputs, size.heads // tp * size.head_dim + 2 * keys
    return layer.inputs, layer.outputs // tp


def _workspace(outline: Outline, settings: MemorySettings) -> dict[str, int]:
    size, element, tp = outline.size, settings.element, settings.tp
    tokens = settings.max_batch_size * settings.max_input_len
    query, keys = size.heads * size.head_dim // tp, -(-size.kv_heads // tp) * size.head_dim
    buffers = _attention(outline, settings, query, keys)
    # The stream, its norm, q k v and what attention gives.
    attending = tokens * element * (2 * size.hidden + 2 * query + 2 * keys) + buffers
    # The stream, its norm, gate, up, their product, and what a quantised layer keeps of its input.
    widest = (4 if size.family.gated else 3) * (size.intermediate // tp)
    feeding = tokens * element * (2 * size.hidden + widest) + CUBLAS
    logits = settings.max_batch_size * -(-size.vocab // tp) * tp * 4
    return {
        "activations": max(attending, feeding),
        "logits": logits,
        "driver, CUDA context, kernels": RESERVE,
    }


def _attention(outline: Outline, settings: MemorySettings, query: int, keys: int) -> int:
    """Bytes the attention plugin asks for, for prompts."""
    batch, length, element = settings.max_batch_size, settings.max_input_len, settings.element
    padding = 4 * (batch * length + batch + 1)
    if settings.context_fmha:
        return CUBLAS + padding
    square = batch * length * length
    heads = outline.size.heads // settings.tp
    copies = element * batch * length * (2 * query + 2 * keys)
    return CUBLAS + padding + copies + square * (element + heads * (element + 4))
