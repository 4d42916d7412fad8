"""Measure the memory of ONNX Runtime engines, and compare it with engine.memory's predictions.

A random Llama of 162 million parameters, float32, int4 in groups of 128, and int4 with int8
inputs. Each engine is loaded and run in a process of its own that has run a tiny engine before.
Measured is the growth of resident memory: after loading, at the peak of loading, at the peak of
the run. Prompts are random tokens. Needs the image of stack cpu, built from this tree; a Python
that has torch and onnxruntime-genai runs it directly.
Run: .venv/bin/python benchmarks/memory.py
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
IMAGE = "localhost/coldforge/cpu:latest"
ENGINES = {"fp32": "float32", "int4": "float32", "int4 + int8 activations": "int8"}
LENGTHS = ((128, 32), (512, 32), (1024, 32))
SIZES = ("loaded_bytes", "loading_peak_bytes", "run_peak_bytes")
MODEL = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 768,
    "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
    "num_key_value_heads": 12, "vocab_size": 32000, "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "hidden_act": "silu", "dtype": "float16",
    "bos_token_id": 0, "eos_token_id": 0, "tie_word_embeddings": False,
}  # fmt: skip
TINY = {**MODEL, "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 1,
        "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 512}  # fmt: skip


def main() -> int:
    """Print predictions beside measurements, as a table and as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", nargs=4, metavar=("ENGINE", "TINY", "IN", "OUT"))
    parser.add_argument("--here", action="store_true", help="do not start the image")
    asked = parser.parse_args()
    if asked.side:
        engine, tiny, into, out = asked.side
        print(json.dumps(measure(Path(engine), Path(tiny), int(into), int(out))))
        return 0
    if importlib.util.find_spec("onnxruntime_genai") is None and not asked.here:
        return in_image()
    with tempfile.TemporaryDirectory() as name, redirect_stdout(sys.stderr):
        found = weigh(Path(name))
    print(table(found))
    print(json.dumps(found))
    return 0


def in_image() -> int:
    """Run this file in the image; return its exit status."""
    from coldforge.image.containers.launch import Launch, launch
    from coldforge.tasks._command import docker_engine

    here = Path(__file__).resolve()
    (ROOT / "build").mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=ROOT / "build") as work,
        docker_engine(yes=False) as connect,
    ):
        env = {"PYTHONPYCACHEPREFIX": f"{work}/pycache", "TMPDIR": work}
        run = Launch(IMAGE, ["python3", str(here), "--here"], [here.parent], [Path(work)], env)
        return launch(connect(), run, sys.stdout.buffer.write, sys.stderr.buffer.write)


def weigh(work: Path) -> list[dict[str, Any]]:
    """Build the engines and measure them at every length."""
    from coldforge.engine.commands.build import run_build
    from coldforge.engine.commands.memory import run_memory
    from coldforge.quantize.quantize import run_quantize

    write(work / "plain", MODEL)
    write(work / "small", TINY)
    run_quantize(str(work / "plain"), str(work / "int4"), method="rtn", asked={"bits": 4})
    run_build(str(work / "small"), str(work / "tiny"))
    found = []
    for name, activations in ENGINES.items():
        model = work / ("plain" if name == "fp32" else "int4")
        engine = work / f"engine-{name}".replace(" ", "-")
        run_build(str(model), str(engine), activations=activations)
        for into, out in LENGTHS:
            said = run_memory(
                str(model), backend="onnxruntime", activations=activations,
                max_input_len=into, max_output_len=out,
            )["resident"]  # fmt: skip
            command = [sys.executable, __file__, "--side", str(engine), str(work / "tiny")]
            done = subprocess.run(
                [*command, str(into), str(out)], check=True, capture_output=True, text=True
            )
            found.append({"engine": name, "in": into, "out": out, "predicted": said,
                          "measured": json.loads(done.stdout)})  # fmt: skip
    return found


def measure(engine: Path, tiny: Path, into: int, out: int) -> dict[str, int]:
    """Load and run an engine in this process; return the growth of its memory in bytes."""
    import numpy as np

    from coldforge.engine.bench.process_memory import peak, reset_peak
    from coldforge.engine.onnxruntime.runner import GenaiRunner
    from coldforge.model.process_stats import rss

    list(GenaiRunner(tiny, 1).follow([[1, 2, 3]], 2))
    before = rss()
    reset_peak()
    runner = GenaiRunner(engine, 1)
    loaded, loading = rss() - before, peak() - before
    reset_peak()
    prompt = np.random.default_rng(0).integers(0, runner.vocab, into).tolist()
    list(runner.follow([prompt], out))
    return dict(zip(SIZES, (loaded, loading, peak() - before), strict=True))


def write(folder: Path, config: dict[str, Any]) -> None:
    """Write a random Llama in float16 with an unused tokenizer."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    (folder / "tokenizer.json").write_text("{}", "utf-8")
    draw = torch.Generator().manual_seed(0)
    hidden, inner, vocab = (
        int(config[key]) for key in ("hidden_size", "intermediate_size", "vocab_size")
    )
    shapes = {"model.embed_tokens": (vocab, hidden), "lm_head": (vocab, hidden)}
    norms = ["model.norm"]
    for block in range(int(config["num_hidden_layers"])):
        stem = f"model.layers.{block}"
        for part in "qkvo":
            shapes[f"{stem}.self_attn.{part}_proj"] = (hidden, hidden)
        shapes |= {f"{stem}.mlp.{part}_proj": (inner, hidden) for part in ("gate", "up")}
        shapes[f"{stem}.mlp.down_proj"] = (hidden, inner)
        norms += [f"{stem}.input_layernorm", f"{stem}.post_attention_layernorm"]
    tensors = {
        f"{name}.weight": (torch.randn(shape, generator=draw) * 0.02).half()
        for name, shape in shapes.items()
    }
    tensors |= {f"{name}.weight": torch.ones(hidden).half() for name in norms}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def table(found: list[dict[str, Any]]) -> str:
    """Lay out megabytes, predicted / measured, and the error of the prediction."""
    lines = [f"{'':<36}{'loaded':>24}{'while loading':>24}{'in the run':>24}"]
    for row in found:
        cells = [
            f"{row['predicted'][size] / 1e6:.1f} / {row['measured'][size] / 1e6:.1f} "
            f"({row['predicted'][size] / row['measured'][size] - 1:+.1%})"
            for size in SIZES
        ]
        name = f"{row['engine']}, {row['in']} + {row['out']}"
        lines.append(f"{name:<36}" + "".join(f"{cell:>24}" for cell in cells))
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
