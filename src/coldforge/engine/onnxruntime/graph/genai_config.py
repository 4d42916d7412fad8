"""genai_config.json: how ONNX Runtime's generation loop reads a graph."""

import json
from pathlib import Path
from typing import Any

from coldforge.engine.onnxruntime.graph.graph import GRAPH
from coldforge.model.families.dimensions import Dimensions

FILE = "genai_config.json"
KIND = "llama"
"""The loop's name for a decoder with one cache a block, whatever the family inside the graph."""


def write_genai(folder: Path, size: Dimensions, config: dict[str, Any]) -> None:
    """Write genai_config.json beside the graph."""
    inputs = {
        "input_ids": "input_ids",
        "attention_mask": "attention_mask",
        "past_key_names": "past_key_values.%d.key",
        "past_value_names": "past_key_values.%d.value",
    }
    if size.family.positions == "learned":
        inputs["position_ids"] = "position_ids"
    model = {
        "context_length": size.positions,
        "decoder": _decoder(size, inputs),
        "type": KIND,
        "vocab_size": size.vocab,
        **_special(config),
    }
    search = {"max_length": size.positions, "past_present_share_buffer": True}
    text = json.dumps({"model": model, "search": search}, indent=2, sort_keys=True)
    (folder / FILE).write_text(text + "\n", "utf-8")


def _decoder(size: Dimensions, inputs: dict[str, str]) -> dict[str, Any]:
    """Describe the graph: its sizes, its inputs and outputs by name."""
    outputs = {
        "logits": "logits",
        "present_key_names": "present.%d.key",
        "present_value_names": "present.%d.value",
    }
    return {
        "filename": GRAPH,
        "head_size": size.head_dim,
        "hidden_size": size.hidden,
        "inputs": inputs,
        "outputs": outputs,
        "num_attention_heads": size.heads,
        "num_hidden_layers": size.layers,
        "num_key_value_heads": size.kv_heads,
        "session_options": {"provider_options": []},
    }


def _special(config: dict[str, Any]) -> dict[str, Any]:
    """Name the special tokens; a model without padding pads with its end."""
    end = config.get("eos_token_id")
    end = 0 if end is None else end
    first = end[0] if isinstance(end, list) else end
    pad = config.get("pad_token_id")
    begin = config.get("bos_token_id")
    return {
        "bos_token_id": first if begin is None else begin,
        "eos_token_id": end,
        "pad_token_id": first if pad is None else pad,
    }
