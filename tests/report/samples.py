"""Small results, as tasks print them."""

import json
from pathlib import Path
from typing import Any

ORIGINAL, INT4, INT8 = ("0" * 63 + str(at) for at in (1, 4, 8))
GIB = 2**30
Result = dict[str, Any]


def put(folder: Path, **results: Result) -> Path:
    """Write each result into a file of its name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, result in results.items():
        (folder / f"{name}.json").write_text(json.dumps(result), "utf-8")
    return folder


def quantised(digest: str = INT4, bits: int = 4, **more: Any) -> Result:
    return {
        "task": "quantize", "method": "gptq", "model_digest": ORIGINAL, "digest": digest,
        "parameters": {"bits": bits, "group_size": 128, "sym": False, "act_order": True,
                       "dtype": "float32", "device": "cpu", "prune": "", "blocks": ""},
        "calibration": {"corpus": "python-3.11.7-stdlib/train", "digest": "c" * 64, "length": 512,
                        "samples": 8, "seed": 3, "tokenizer": "d" * 64, "way": "drawn"},
        "seed": 3, "disk_bytes": 6_217_032, "linear_bytes": 2_001_280,
        "linear_fp16_bytes": 7_536_640, "image": "sha256:" + "a" * 64, "seconds": 10.8,
        "versions": {"torch": "2.13.0+cpu"}, "layers": {}, **more,
    }  # fmt: skip


def evaluated(digest: str = INT4, model: str = "/models/int4", **more: Any) -> Result:
    found = {
        "task": "evaluate", "model": model, "digest": digest, "perplexity": 153.483,
        "perplexity_interval": [58.1, 405.5], "bits_per_weight": 4.249, "disk_bytes": 6_217_032,
        "protocol": {"windows": 4, "window": 512, "tokens": 2044, "corpus": "book.txt",
                     "interval": "95 %", "dtype": "float32"},
        "reference": {"model": "/models/llama", "perplexity": 152.31, "kl": 0.00126,
                      "kl_interval": [0.00083, 0.00169], "top1_agreement": 0.9623,
                      "top1_agreement_interval": [0.9424, 0.9822], "perplexity_ratio": 1.0077,
                      "perplexity_ratio_interval": [1.0005, 1.015]},
        "image": None, "seconds": 0.6, "versions": {"torch": "2.13.0+cpu"}, **more,
    }  # fmt: skip
    return {key: value for key, value in found.items() if value is not ...}


def original() -> Result:
    found = evaluated(ORIGINAL, "/models/llama", bits_per_weight=16.0, disk_bytes=11_741_704)
    del found["reference"]
    return found


def compared() -> Result:
    def side(digest: str, model: str, token: float, size: int) -> Result:
        spread = {"median": token, "p10": token / 2, "p90": token * 2}
        return {
            "digest": digest, "model": model, "disk_bytes": size, "bits_per_weight": 4.249,
            "load_seconds": spread, "token_seconds": spread, "first_token_seconds": spread,
            "peak_rss_bytes": 419_500_000,
        }  # fmt: skip

    return {
        "task": "compare", "original": side(ORIGINAL, "/models/llama", 0.004, 11_741_704),
        "quantised": side(INT4, "/models/int4", 0.002, 6_217_032), "equal_tokens": 31,
        "protocol": {"new_tokens": 32},
    }  # fmt: skip


def engine(name: str, precision: str, checkpoint: str, speedups: list[float | None]) -> Result:
    def latency(middle: float) -> Result:
        return {"mean": middle * 1.02, "p50": middle, "p90": middle * 1.1, "p95": middle * 1.2,
                "p99": middle * 1.4}  # fmt: skip

    places = [(2048, 1024), (128, 128)]
    return {
        "name": name, "backend": "onnxruntime", "precision": precision, "checkpoint": checkpoint,
        "digest": f"{name:e>64}", "disk_bytes": 23_100_000, "load_seconds": 0.1,
        "memory": {"host_loaded_bytes": 320_000_000, "host_peak_bytes": 401_000_000},
        "cells": [
            {"input_len": one, "output_len": two, "batch_size": 1,
             "ttft_ms": latency(655 / (gain or 1)), "tpot_ms": latency(10 / (gain or 1)),
             "itl_ms": latency(9.8 / (gain or 1)), "e2e_ms": latency(11_837 / (gain or 1)),
             "output_tokens_per_s": 100.0 * (gain or 1), "host_peak_bytes": 340_000_000 + one,
             "device_peak_bytes": None, "speedup": gain}
            for (one, two), gain in zip(places, speedups, strict=True)
        ],
    }  # fmt: skip


def bench(*engines: Result) -> Result:
    given = engines or (
        engine("fp32", "fp32", ORIGINAL, [None, None]),
        engine("int8", "int8", INT8, [1.25, 1.52]),
        engine("int4", "int4", INT4, [1.89, 2.31]),
        engine("quick", "int4 + int8 activations", INT4, [2.97, 3.62]),
    )
    return {
        "task": "bench", "engines": list(given),
        "protocol": {"grid": [[2048, 1024], [128, 128]], "batch_size": 1, "repeats": 5,
                     "warmup": 1, "threads": 2, "seed": 0, "order": "in turn"},
        "device": {"kind": "cpu", "name": "A processor", "cores": 2, "gpu": None,
                   "skipped": {"nvml": "no driver"}},
        "image": None, "versions": {"onnxruntime": "1.31.0"}, "seconds": 20.0,
    }  # fmt: skip


def predicted(weights: float = 16.3, **more: Any) -> Result:
    parts = {"weights": int(weights * GIB), "kv": GIB // 2, "workspace": GIB}
    total = sum(parts.values())
    cards = {"A10": int(22.5 * GIB), "A100 40 GB": int(39.4 * GIB), "A100 80 GB": int(79.1 * GIB)}
    return {
        "task": "engine.memory", "model": "34b", "backend": "tensorrt-llm", "precision": "int4",
        "max_batch_size": 1, "max_input_len": 2048, "max_output_len": 1024, "tp": 1, "pp": 1,
        **{f"{name}_bytes": size for name, size in parts.items()}, "total_bytes": total,
        "cards": [{"name": name, "usable_bytes": size, "fits": total <= size,
                   "free_bytes": size - total} for name, size in cards.items()],
        "formula": {"kv": "two for each layer and token"}, **more,
    }  # fmt: skip


def checked(**more: Any) -> Result:
    layers = [
        {"name": "model.layers.0.mlp.up_proj", "verdict": "exact", "why": "", "share_wrong": 0.0},
        {"name": "model.layers.0.mlp.down_proj", "verdict": "off by one zero step",
         "why": "zero points", "share_wrong": 1.0},
    ]  # fmt: skip
    return {
        "task": "engine.check", "release": "0.5.0", "checkpoint": INT4, "layers": layers,
        "verdict": "off by one zero step", "fixes": ["convert it"], "memory": None, **more,
    }  # fmt: skip


def programs() -> Result:
    side = {"problems": 164, "samples": 1, "pass@1": 0.744, "pass@1_interval": [0.672, 0.805]}
    return {
        "task": "humaneval", **side, "model": "/models/int4", "digest": INT4, "pass@1": 0.738,
        "reference": {**side, "model": "/models/llama", "digest": ORIGINAL},
        "paired": {"gained": 3, "lost": 4, "p": 1.0}, "seconds": 812.0,
    }  # fmt: skip


def sensitive() -> Result:
    layers = [
        {"layer": f"model.layers.{block}.{part}", "bits": 4 + 4 * (block == 0), "bytes": 87_700,
         "kl": {"3": 4 * damage, "4": damage, "8": damage / 100}}
        for block in range(2)
        for part, damage in (("self_attn.q_proj", 1e-5 / (1 + block)), ("mlp.down_proj", 3e-4))
    ]  # fmt: skip
    return {"layers": layers, "measured_kl": 8.2e-5, "predicted_kl": 7.6e-5}


def survey() -> Result:
    def about(value: float) -> Result:
        return {"value": value, "low": value * 0.9, "high": value * 1.1}

    made = {
        "way": "gptq-4",
        "method": "gptq",
        "status": "made",
        "digest": INT4,
        "seconds": 7.5,
        "bits_per_weight": 4.249,
        "disk_bytes": 6_217_032,
        "peak_rss_bytes": 700_000_000,
        "perplexity": about(78.1),
        "kl": about(0.00125),
        "top1_agreement": about(0.96),
    }
    skipped = {"way": "w8a8-static", "method": "w8a8", "status": "skipped", "why": "no such layer"}
    return {"task": "survey", "models": [{"name": "llama", "ways": [made, skipped]}]}


def sweep() -> Result:
    done = {
        "model": "llama",
        "method": "gptq",
        "name": "llama-gptq-4",
        "backend": "onnxruntime",
        "digest": "e" * 64,
        "quantize": quantised(),
        "evaluate": evaluated(),
        "bench": bench(engine("int4", "int4", INT4, [None, None])),
        "error": None,
    }
    lost = {
        **done,
        "method": "awq",
        "name": "llama-awq",
        "quantize": None,
        "evaluate": None,
        "bench": None,
        "error": {"step": "quantize", "message": "no room", "hint": ""},
    }
    return {"task": "sweep", "cells": [done, lost]}


def everything(folder: Path) -> Path:
    """Write a result of every task."""
    names = {
        "quantize-int4": quantised(sensitivity=sensitive()),
        "quantize-int8": quantised(INT8, 8),
        "evaluate-original": original(), "evaluate-int4": evaluated(),
        "compare": compared(), "bench": bench(), "humaneval": programs(),
        "engine.memory-34b": predicted(), "engine.check-int4": checked(),
        "survey": survey(), "sweep": sweep(),
    }  # fmt: skip
    return put(folder, **names)
