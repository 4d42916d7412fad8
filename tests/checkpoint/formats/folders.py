"""Quantised model directories made by rounding alone, in any format."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")


def rounded(weight: Any, bits: int, group_size: int, sym: bool) -> Any:
    """Round a weight (outputs, inputs) to the nearest of its grid; zero points start at 1."""
    from coldforge.checkpoint.formats.quantized import Quantized

    outputs, inputs = weight.shape
    size = inputs if group_size == -1 else group_size
    groups = weight.float().reshape(outputs, inputs // size, size)
    top, middle = (1 << bits) - 1, 1 << (bits - 1)
    low, high = groups.amin(-1), groups.amax(-1)
    if sym:
        scales = (torch.maximum(high, -low) * 2 / top).half()
        zeros = torch.full(scales.shape, float(middle))
    else:
        scales = ((high.clamp(min=0) - low.clamp(max=0)) / top).half()
        zeros = (-low.clamp(max=0) / scales.float()).round().clamp(1, top)
    steps = groups / scales.float()[..., None] + zeros[..., None]
    codes = steps.round().clamp(0, top).reshape(outputs, inputs)
    return Quantized(
        bits,
        codes.T.to(torch.uint8).contiguous(),
        scales.T.contiguous(),
        zeros.T.to(torch.int16).contiguous(),
    )


def make(plain: Path, out: Path, form: str, make_layer: Any, **settings: Any) -> Path:
    """Write `plain` in a format; `make_layer` gets a layer's name and weight (outputs, inputs).

    A layer for which it returns None stays as it is.
    """
    from safetensors.torch import save_file

    from coldforge.checkpoint.checkpoint import read_checkpoint
    from coldforge.checkpoint.formats.registry import find_format
    from coldforge.model.families.registry import stores_transposed
    from coldforge.model.loading.reading import Reader

    checkpoint, target = read_checkpoint(plain), find_format(form)
    reader = Reader(checkpoint)
    asked = {"dynamic": {}, "activations": None, **settings}
    tensors = {name: reader.tensor(name) for name in checkpoint.tensors}
    for name in checkpoint.linears:
        weight = tensors[f"{name}.weight"].float()
        transposed = stores_transposed(checkpoint.config)
        item = make_layer(name, weight.T if transposed else weight)
        if item is not None:
            del tensors[f"{name}.weight"]
            parts = target.encode(name, item, asked)
            tensors |= {name + part: tensor for part, tensor in parts.items()}
    shutil.copytree(plain, out, ignore=shutil.ignore_patterns("*.safetensors", "coldforge.json"))
    config = {**checkpoint.config, "quantization_config": target.config(asked)}
    (out / "config.json").write_text(json.dumps(config), "utf-8")
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    return out


def tiny(folder: Path, kind: str) -> Path:
    """Write a model of two blocks and random weights, in float16; "llama" or "gpt2"."""
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    if kind == "gpt2":
        shape = GPT2Config(vocab_size=64, n_positions=64, n_embd=64, n_layer=2, n_head=2)
        model = GPT2LMHeadModel(shape)
    else:
        shape = LlamaConfig(
            vocab_size=64, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
            tie_word_embeddings=False,
        )  # fmt: skip
        model = LlamaForCausalLM(shape)
    model.half().save_pretrained(folder)
    (folder / "tokenizer.json").write_text("{}", "utf-8")
    return folder


def int8(weight: Any) -> Any:
    """Round a weight (outputs, inputs) to int8, one float32 step a row."""
    from coldforge.checkpoint.formats.quantized import Quantized

    scales = weight.float().abs().amax(1) / 127
    codes = (weight.float() / scales[:, None]).round().clamp(-128, 127) + 128
    zeros = torch.full((1, len(scales)), 128, dtype=torch.int16)
    return Quantized(8, codes.T.to(torch.uint8).contiguous(), scales[None].contiguous(), zeros)


def signs(weight: Any) -> Any:
    """Keep a weight's signs, one float16 step a row."""
    from coldforge.checkpoint.formats.quantized import Quantized

    scales = weight.float().abs().mean(1).half()[None]
    codes = ((weight.T >= 0) * 2).to(torch.uint8).contiguous()
    return Quantized(1, codes, scales, torch.ones(scales.shape, dtype=torch.int16))


def split(folder: Path) -> None:
    """Cut a model's one file into two shards and an index."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    tensors = load_file(path)
    names = sorted(tensors)
    places = {}
    for at, part in enumerate((names[::2], names[1::2])):
        shard = f"model-{at + 1:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, folder / shard)
        places |= dict.fromkeys(part, shard)
    path.unlink()
    index = json.dumps({"weight_map": places})
    (folder / "model.safetensors.index.json").write_text(index, "utf-8")


def change(folder: Path, name: str, tensor: Any) -> None:
    """Replace a tensor of a model of one file; None takes it away."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    tensors = load_file(path)
    tensors.pop(name, None)
    if tensor is not None:
        tensors[name] = tensor
    save_file(tensors, path, metadata={"format": "pt"})
