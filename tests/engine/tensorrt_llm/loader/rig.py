"""A checkpoint of one block, made of random codes: small, and wrong in the ways tests ask for."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.checkpoint.formats.registry import find_format
from coldforge.engine.tensorrt_llm.loader.checkpoint_check import LoadCheck
from coldforge.engine.tensorrt_llm.loader.registry import find_loader
from coldforge.engine.tensorrt_llm.loader.verdict import Finding

HIDDEN, HEADS, VOCAB, GROUP = 128, 2, 66, 64
BLOCK = "model.layers.0."
Change = Callable[[dict[str, Any]], None]


def config(kv_heads: int = HEADS, inner: int = 256, **more: Any) -> dict[str, Any]:
    """Write the config of a Llama of one block."""
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "num_hidden_layers": 1,
        "hidden_size": HIDDEN,
        "num_attention_heads": HEADS,
        "num_key_value_heads": kv_heads,
        "intermediate_size": inner,
        "vocab_size": VOCAB,
        "max_position_embeddings": 512,
        **more,
    }


def widths(settings: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Map the block's layers to (inputs, outputs)."""
    narrow = settings["num_key_value_heads"] * HIDDEN // HEADS
    inner = settings["intermediate_size"]
    return {
        "self_attn.q_proj": (HIDDEN, HIDDEN),
        "self_attn.k_proj": (HIDDEN, narrow),
        "self_attn.v_proj": (HIDDEN, narrow),
        "self_attn.o_proj": (HIDDEN, HIDDEN),
        "mlp.gate_proj": (HIDDEN, inner),
        "mlp.up_proj": (HIDDEN, inner),
        "mlp.down_proj": (inner, HIDDEN),
    }


def layer(inputs: int, outputs: int, group: int, even: bool, order: bool) -> Quantized:
    """Make a layer; each group has a scale far from the others'."""
    import torch

    groups = inputs // group
    codes = torch.randint(0, 16, (inputs, outputs), dtype=torch.uint8)
    codes[0], codes[1] = 0, 15  # weights that no symmetric zero point makes nothing of
    steps = 1 + torch.arange(groups).unsqueeze(1) + torch.rand(groups, outputs)
    zeros = torch.full((groups, outputs), 8, dtype=torch.int16)
    if not even:
        zeros = torch.randint(2, 7, (groups, outputs), dtype=torch.int16)
    index = (torch.arange(inputs) % groups).to(torch.int32) if order else None
    return Quantized(4, codes, (steps / 64).half(), zeros, index)


def make(
    folder: Path,
    form: str = "gptq",
    *,
    group: int = GROUP,
    even: bool = True,
    order: bool = False,
    change: Change | None = None,
    **numbers: Any,
) -> Path:
    """Write the checkpoint."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(7)
    said = config(**numbers)
    target = find_format(form)
    how = {"bits": 4, "group_size": group, "sym": even, "desc_act": order, "activations": None}
    said.setdefault("quantization_config", target.config(how))
    tensors = {"model.embed_tokens.weight": torch.randn(VOCAB, HIDDEN).half()}
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"] + 1
    for name in ("model.norm", BLOCK + "input_layernorm", BLOCK + "post_attention_layernorm"):
        tensors[f"{name}.weight"] = torch.ones(HIDDEN).half()
    for name, (inputs, outputs) in widths(said).items():
        stored = target.encode(name, layer(inputs, outputs, group, even, order))
        tensors |= {BLOCK + name + part: tensor for part, tensor in stored.items()}
    if change:
        change(tensors)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(said), "utf-8")
    (folder / "tokenizer.json").write_text("{}", "utf-8")
    return folder


def check(folder: Path, release: str, tp: int = 1, dtype: str = "float16") -> dict[str, Finding]:
    """Check it; findings by the last words of their names."""
    found = LoadCheck(read_checkpoint(folder), find_loader(release), tp, dtype).findings()
    return {item.name.removeprefix(BLOCK): item for item in found}


def linear(found: Mapping[str, Finding]) -> set[str]:
    """Return the verdicts of the quantised layers."""
    return {item.verdict for name, item in found.items() if name.endswith("_proj")}
