"""Compare our GPTQ, int4 in groups of 128, with GPTQModel's: time, peak memory, KL divergence.

Both quantise the same model with the same calibration windows, each in a process of its own,
alternately, on all cores; then each result is compared with the original on the same held-out
text. Needs the demo model (./invokew quickstart) and the image of stack cpu, built from this tree;
a Python that has torch and gptqmodel runs it directly.
Run: .venv/bin/python benchmarks/gptq.py
"""

import argparse
import importlib.util
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "build" / "quickstart" / "model"
IMAGE = "localhost/coldforge/cpu:latest"
BITS, GROUP, WINDOW, JUDGED = 4, 128, 512, 64
OURS, PEER = "coldforge", "gptqmodel"


def main() -> int:
    """Print medians, ratios and divergences, as a table and as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--runs", type=int, default=3, help="runs of each side, alternately")
    parser.add_argument("--samples", type=int, default=128, help="calibration windows")
    parser.add_argument("--work", type=Path, help="folder to write to; a temporary one by default")
    parser.add_argument("--side", choices=sorted(SIDES), help="run only one side, into --work")
    asked = parser.parse_args()
    if asked.side:
        print(json.dumps(SIDES[asked.side](asked.model.resolve(), asked.work)))
        return 0
    if importlib.util.find_spec("torch") is None:
        return in_image(asked)
    with tempfile.TemporaryDirectory() as name:
        found = compare(asked, asked.work or Path(name))
    print(table(found))
    print(json.dumps(found))
    return 0


def in_image(asked: argparse.Namespace) -> int:
    """Run this file in the image; return its exit status."""
    from coldforge.image.containers.launch import Launch, launch
    from coldforge.tasks._command import docker_engine

    model, here = asked.model.resolve(), str(Path(__file__).resolve())
    (ROOT / "build").mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=ROOT / "build") as work,
        docker_engine(yes=False) as connect,
    ):
        command = ["python3", here, f"--model={model}", f"--runs={asked.runs}"]
        command += [f"--samples={asked.samples}", f"--work={work}"]
        reads, writes = [model, Path(here).parent], [Path(work)]
        env = {"PYTHONPYCACHEPREFIX": f"{work}/pycache"}
        run = Launch(IMAGE, command, reads, writes, env)
        return launch(connect(), run, sys.stdout.buffer.write, sys.stderr.buffer.write)


def compare(asked: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Quantise with both, alternately; evaluate the last result of each."""
    from coldforge.checkpoint.checkpoint import read_checkpoint
    from coldforge.model.runtime import prepare
    from coldforge.quantize.calibration.calibration import write_frozen
    from coldforge.quantize.calibration.find import calibration_for

    prepare()
    drawn = calibration_for(read_checkpoint(asked.model), None, asked.samples, WINDOW, 0)
    write_frozen(work / "calibration.json", drawn)
    runs: dict[str, list[dict[str, float]]] = {OURS: [], PEER: []}
    for _ in range(asked.runs):
        for side, done in runs.items():
            done.append(one(side, asked.model, work))
    sides: dict[str, dict[str, Any]] = {}
    for side, done in runs.items():
        middle = {key: statistics.median(run[key] for run in done) for key in done[0]}
        sides[side] = {**middle, **judge(work / side, asked.model)}
    keys = ("seconds", "processor_seconds", "whole_seconds", "peak_bytes", "kl")
    ratios = {key: sides[OURS][key] / sides[PEER][key] for key in keys}
    return {"calibration": drawn.facts, "runs": asked.runs, "sides": sides, "ratios": ratios}


def one(side: str, model: Path, work: Path) -> dict[str, float]:
    """Quantise in a process of its own; return seconds, with and without its start, and memory."""
    shutil.rmtree(work / side, ignore_errors=True)
    command = [sys.executable, __file__, f"--side={side}", f"--model={model}", f"--work={work}"]
    start = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    whole = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{side} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**found, "whole_seconds": whole}


def ours(model: Path, work: Path) -> dict[str, float]:
    """Quantise with `quantize --method gptq`."""
    import torch  # noqa: F401 - loaded before the clock runs

    from coldforge.quantize.quantize import run_quantize

    out, windows = work / OURS, str(work / "calibration.json")
    asked = {"bits": BITS, "group_size": GROUP}
    return timed(
        lambda: run_quantize(str(model), str(out), method="gptq", asked=asked, calibration=windows)
    )


def peer(model: Path, work: Path) -> dict[str, float]:
    """Quantise with GPTQModel, with its defaults except for the format."""
    from coldforge.model.runtime import prepare
    from coldforge.quantize.calibration.calibration import read_frozen

    scratch = prepare()
    import torch
    from gptqmodel import BACKEND, GPTQModel, QuantizeConfig

    windows = read_frozen(work / "calibration.json").windows
    samples = [
        {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids)).long()}
        for ids in windows
    ]

    def quantise() -> None:
        config = QuantizeConfig(
            bits=BITS, group_size=GROUP, desc_act=False, sym=True, act_group_aware=False,
            format="gptq", offload_to_disk=False,
        )  # fmt: skip
        loaded = GPTQModel.load(str(model), config, device="cpu", dtype=torch.float32)
        loaded.quantize(samples, batch_size=8, calibration_sort=None, backend=BACKEND.TORCH)
        # As ours does: what stays unquantised is stored in float16.
        for item in loaded.model.parameters():
            item.data = item.data.half()
        loaded.model.config.dtype = "float16"
        loaded.save(str(work / PEER))

    # It keeps a folder of logs where it runs.
    with chdir(scratch):
        return timed(quantise)


def timed(quantise: Callable[[], object]) -> dict[str, float]:
    """Run; return wall and processor seconds, and the process's largest memory.

    Where others use the machine too, processor seconds say more than the clock.
    """
    start, before = time.perf_counter(), time.process_time()
    quantise()
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": seconds,
        "processor_seconds": time.process_time() - before,
        "peak_bytes": float(used.ru_maxrss * 1024),
    }


def judge(made: Path, original: Path) -> dict[str, Any]:
    """Measure the divergence from the original on held-out text, and the size on disk."""
    from coldforge.checkpoint.checkpoint import read_checkpoint
    from coldforge.evaluate.perplexity import first_tokens, score, windows
    from coldforge.model.corpus import standard_library
    from coldforge.model.loading.load import load_model
    from coldforge.model.tokens import ModelTokens

    checkpoint, tokens = read_checkpoint(made), ModelTokens(original)
    encoded = (tokens.encode([text])[0] for text in standard_library().split()[1].texts)
    stream = first_tokens(encoded, tokens.end, WINDOW * JUDGED)
    cut = windows(stream, WINDOW, JUDGED)
    found = score(load_model(checkpoint), cut, load_model(read_checkpoint(original)))
    interval = [found.kl.low, found.kl.high]
    return {"kl": found.kl.value, "kl_interval": interval, "disk_bytes": checkpoint.disk_bytes}


def table(found: dict[str, Any]) -> str:
    """Lay out both sides and the ratios; lower is better in every column."""
    heads = f"{'quantising':>12}{'processor':>11}{'whole':>10}{'peak':>10}"
    lines = [f"{'':<12}{heads}{'KL to the original':>32}"]
    for side, row in found["sides"].items():
        low, high = row["kl_interval"]
        lines.append(
            f"{side:<12}{row['seconds']:>10.1f} s{row['processor_seconds']:>9.1f} s"
            f"{row['whole_seconds']:>8.1f} s{row['peak_bytes'] / 1e6:>7.0f} MB"
            f"{row['kl']:>11.6f} ({low:.6f} to {high:.6f})"
        )
    ratios = found["ratios"]
    lines.append(
        f"{'ratio':<12}{ratios['seconds']:>12.2f}{ratios['processor_seconds']:>11.2f}"
        f"{ratios['whole_seconds']:>10.2f}{ratios['peak_bytes']:>10.2f}{ratios['kl']:>11.2f}"
    )
    return "\n".join(lines)


SIDES: dict[str, Callable[[Path, Path], dict[str, float]]] = {OURS: ours, PEER: peer}


if __name__ == "__main__":
    raise SystemExit(main())
