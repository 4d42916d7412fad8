"""Tiny decoders of every family, and how far a graph of one strays from torch."""

from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint

torch: Any = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
WORDS, POSITIONS, LENGTH = 96, 128, 48
SHAPE = {
    "vocab_size": WORDS, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": POSITIONS,
    "tie_word_embeddings": False, "bos_token_id": 0, "eos_token_id": 0,
}  # fmt: skip
GPT2 = {
    "vocab_size": WORDS, "n_embd": 64, "n_layer": 2, "n_head": 2, "n_positions": POSITIONS,
    "bos_token_id": 0, "eos_token_id": 0,
}  # fmt: skip


def decoder(folder: Path, family: str = "llama", **changes: Any) -> Path:
    """Write a decoder of two blocks, float16; its norms and biases are random too."""
    from transformers import AutoConfig, AutoModelForCausalLM

    from coldforge.model.runtime import prepare

    prepare()
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **{**(GPT2 if family == "gpt2" else SHAPE), **changes})
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, item in model.named_parameters():
            if "norm" in name or "ln_" in name or name.endswith("bias"):
                item.add_(torch.randn(item.shape) * 0.3)
            else:
                item.mul_(4)
    model.half().save_pretrained(folder)
    (folder / "tokenizer.json").write_text("{}", "utf-8")
    return folder


def exported(checkpoint: Path, folder: Path, *, int8_activations: bool = False) -> Path:
    """Write a checkpoint's graph and check it."""
    from coldforge.engine.onnxruntime.graph.export import export
    from coldforge.engine.onnxruntime.graph.verify_graph import verify_graph

    folder.mkdir(exist_ok=True)
    export(read_checkpoint(checkpoint), folder, int8_activations)
    verify_graph(folder, read_checkpoint(checkpoint), int8_activations)
    return folder


def distances(checkpoint: Path, folder: Path) -> list[float]:
    """Return the largest differences of logits to torch's: prompt, next token, three at once."""
    import onnxruntime as ort

    from coldforge.engine.onnxruntime.graph.export import cache_names, inputs_of
    from coldforge.model.families.dimensions import read_dimensions
    from coldforge.model.loading.load import load_model

    ids = torch.randint(1, WORDS, (2, LENGTH), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = load_model(read_checkpoint(checkpoint), rounding=False)(ids).logits
    size = read_dimensions(checkpoint)
    session = ort.InferenceSession(folder / "model.onnx")
    inputs = [name for pair in cache_names(size) for name in pair]
    outputs = ["logits", *(name.replace("past_key_values", "present") for name in inputs)]
    found, cache, at = [], None, 0
    for rows, length in ((2, LENGTH - 4), (2, 1), (1, 3)):  # several at once: of one row alone
        part = ids[:rows, at : at + length].numpy()
        before = cache and {name: item[:rows] for name, item in cache.items()}
        logits, *grown = session.run(outputs, inputs_of(size, part, before))
        cache = dict(zip(inputs, grown, strict=True))
        gap = torch.from_numpy(logits) - wanted[:rows, at : at + length]
        found.append(float(gap.abs().max()))
        at += length
    return found


def close(checkpoint: Path, folder: Path) -> bool:
    """Tell whether all logits are within a ten-thousandth of torch's."""
    return max(distances(checkpoint, exported(checkpoint, folder))) < 1e-4
