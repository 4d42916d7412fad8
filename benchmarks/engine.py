"""Compare int4 engines for ONNX Runtime with an fp32 one: time per token, memory, disk.

A Llama of 160 million random weights is made, rounded to int4 in groups of 128, and built three
times: fp32, int4 lossless, int4 with int8 activations. `bench` measures them alternately. Needs
the image of stack cpu, built from this tree; a Python that has torch and onnxruntime runs it
directly.
Run: .venv/bin/python benchmarks/engine.py
"""

import argparse
import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
IMAGE = "localhost/coldforge/cpu:latest"
SIZE = {
    "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
    "intermediate_size": 3072, "vocab_size": 32000, "max_position_embeddings": 2048,
}  # fmt: skip
PLAIN, LOSSLESS, ROUNDED = "fp32", "int4", "int4-int8"
"""Names of the engines; ROUNDED has int8 activations."""
WANTED = {LOSSLESS: 2.2, ROUNDED: 3.5}


def main() -> int:
    """Print the bench's table and the ratios, then these as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", default="128,128", help="tokens in and out")
    parser.add_argument("--repeats", type=int, default=7, help="runs of each engine, alternately")
    parser.add_argument("--threads", type=int, default=0, help="0 for every core")
    parser.add_argument("--work", type=Path, help="folder to write to; a temporary one by default")
    asked = parser.parse_args()
    if importlib.util.find_spec("torch") is None:
        return in_image(asked)
    with tempfile.TemporaryDirectory() as name:
        found = compare(asked, asked.work or Path(name))
    print(json.dumps(found, indent=2))
    return 0


def in_image(asked: argparse.Namespace) -> int:
    """Run this file in the image; return its exit status."""
    from coldforge.image.containers.launch import Launch, launch
    from coldforge.tasks._command import docker_engine

    here = Path(__file__).resolve()
    (ROOT / "build").mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=ROOT / "build") as work,
        docker_engine(yes=False) as connect,
    ):
        flags = [f"--{name}={getattr(asked, name)}" for name in ("grid", "repeats", "threads")]
        command = ["python3", str(here), *flags, f"--work={work}"]
        run = Launch(IMAGE, command, [here.parent], [Path(work)])
        return launch(connect(), run, sys.stdout.buffer.write, sys.stderr.buffer.write)


def compare(asked: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Make the engines, measure them, and divide by the fp32 engine's values."""
    from coldforge.engine.bench.plan import Measuring
    from coldforge.engine.commands.bench import run_bench
    from coldforge.tasks.bench import table

    engines = [str(work / name) for name in (PLAIN, LOSSLESS, ROUNDED)]
    make(work, engines)
    how = Measuring(asked.grid, repeats=asked.repeats, threads=asked.threads)
    found = run_bench(engines, how)
    print(table(found))
    plain, *others = found["engines"]
    return {"device": found["device"]} | {
        engine["name"]: {"wanted": WANTED[engine["name"]], **ratios(plain, engine)}
        for engine in others
    }


def make(work: Path, engines: list[str]) -> None:
    """Write the model, its int4 version, and the three engines."""
    from coldforge.engine.commands.build import run_build
    from coldforge.quantize.quantize import run_quantize

    plain, int4 = str(work / "model"), str(work / "model-int4")
    write_model(Path(plain))
    run_quantize(plain, int4, method="rtn", asked={"bits": 4, "group_size": 128})
    for source, out, inputs in zip(
        (plain, int4, int4), engines, ("float32", "float32", "int8"), strict=True
    ):
        run_build(source, out, activations=inputs)


def write_model(out: Path) -> None:
    """Write a Llama of random weights in float16, and an unused byte tokenizer."""
    from coldforge.model.runtime import prepare

    prepare()
    import torch
    from tokenizers import Tokenizer, models
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**SIZE)).half().save_pretrained(out)
    letters = {letter: at for at, letter in enumerate(sorted(ByteLevel.alphabet()))}
    words = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE(letters, [])))
    words.save_pretrained(out)


def ratios(plain: dict[str, Any], engine: dict[str, Any]) -> dict[str, Any]:
    """Return the speed-up in each cell, and the ratios of memory and disk."""
    return {
        "decode": {
            f"{one['input_len']},{one['output_len']}": one["tpot_ms"]["p50"] / two["tpot_ms"]["p50"]
            for one, two in zip(plain["cells"], engine["cells"], strict=True)
        },
        "host_peak": engine["memory"]["host_peak_bytes"] / plain["memory"]["host_peak_bytes"],
        "disk": engine["disk_bytes"] / plain["disk_bytes"],
    }


if __name__ == "__main__":
    raise SystemExit(main())
