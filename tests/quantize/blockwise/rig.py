"""Small random models whose norms are uneven, and their blocks, without a corpus or tokenizer."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import Checkpoint, read_checkpoint

torch: Any = pytest.importorskip("torch")
WORDS, WINDOWS, LENGTH = 512, 8, 64


def random_model(folder: Path, kind: str, blocks: int = 2) -> Checkpoint:
    """Write a model of few blocks; some inputs of its linear layers are twenty times the others."""
    from coldforge.demo.architectures import untrained

    model = untrained(kind, WORDS, 0)
    inner = model.transformer if kind == "gpt2" else model.model
    name = "h" if kind == "gpt2" else "layers"
    setattr(inner, name, getattr(inner, name)[:blocks])
    model.config.num_hidden_layers = blocks
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = model.config.layer_types[:blocks]
    chance = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for key, item in model.named_parameters():
            if "norm" in key or "ln_" in key:
                item.mul_(1 + torch.rand(item.shape, generator=chance))
            if key.endswith("bias"):
                item.normal_(0, 0.1, generator=chance)
            if any(part in key for part in ("layernorm.weight", "ln_1.weight", "ln_2.weight")):
                item[3::37] *= 20
    model.half().save_pretrained(folder)
    (folder / "tokenizer.json").write_text("{}", "utf-8")
    return read_checkpoint(folder)


def windows(seed: int = 0) -> Any:
    """Draw windows of random tokens."""
    chance = torch.Generator().manual_seed(seed)
    return torch.randint(0, WORDS, (WINDOWS, LENGTH), generator=chance)


@contextmanager
def block_of(checkpoint: Checkpoint, scratch: Path) -> Iterator[Any]:
    """Yield the first block with what flows into it."""
    from coldforge.model.deterministic import workers
    from coldforge.quantize.blockwise.activations import Activations, Feed
    from coldforge.quantize.blockwise.block import Block
    from coldforge.quantize.blockwise.skeleton import Skeleton

    skeleton = Skeleton(checkpoint)
    inputs = Activations(scratch / "hidden", WINDOWS, LENGTH, skeleton.width)
    with closing(inputs), workers(2) as pool:
        for index, hidden in enumerate(skeleton.embed(windows().tolist())):
            inputs.write(index, hidden)
        skeleton.load(0)
        yield Block(0, skeleton, pool, Feed(skeleton, inputs, pool))


def quantised(checkpoint: Checkpoint, out: Path, method: str, **options: Any) -> Any:
    """Quantise a model by a method; return the result and the model as it is loaded again."""
    from coldforge.model.loading.load import load_model
    from coldforge.quantize.blockwise.outside_blocks import write_configs
    from coldforge.quantize.blockwise.request import Request
    from coldforge.quantize.calibration.calibration import Calibration
    from coldforge.quantize.registry import find_method, settings_of

    prune = options.pop("prune", "")
    chosen = find_method(method)
    drawn = Calibration(windows().tolist(), "none", {}) if chosen.calibrated else None
    out.mkdir(exist_ok=True)
    request = Request(checkpoint, drawn, out, settings_of(method, options), prune=prune)
    result = chosen.quantise(request)
    write_configs(checkpoint, out, result)
    (out / "tokenizer.json").write_text("{}", "utf-8")
    return result, load_model(read_checkpoint(out))


def divergence(checkpoint: Checkpoint, model: Any) -> float:
    """Return the relative squared error of a model's logits on tokens it was not calibrated on."""
    from coldforge.model.loading.load import load_model

    with torch.inference_mode():
        wanted, found = (item(windows(1)).logits for item in (load_model(checkpoint), model))
    return float((found - wanted).square().sum() / (wanted - wanted.mean(-1, True)).square().sum())
