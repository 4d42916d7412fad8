"""What the README promises about its first command."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Cli

pytestmark = [pytest.mark.engine, pytest.mark.network]


def test_int4_linear_weights_take_at_most_three_tenths_of_fp16(quickstart: Any) -> None:
    assert 0.25 < quickstart["linear_share"] <= 0.30
    assert quickstart["int4"]["disk_bytes"] < quickstart["original"]["disk_bytes"]


def test_training_lowers_perplexity_and_quantising_costs_under_5_percent(
    quickstart: Any,
) -> None:
    assert quickstart["original"]["perplexity"] < quickstart["perplexity_untrained"] / 10
    assert quickstart["perplexity_loss"] < 0.05
    assert quickstart["kl"] > 0


def test_a_second_run_rebuilds_nothing(quickstart: Any, cli: Cli) -> None:
    weights = sorted((cli.root / "build" / "quickstart").glob("*/model.safetensors"))
    before = [path.stat().st_mtime_ns for path in weights]
    again = cli.json("quickstart")
    assert [path.stat().st_mtime_ns for path in weights] == before
    assert {**again, "seconds": None} == {**quickstart, "seconds": None}


def test_quantising_again_gives_the_same_checkpoint(
    quickstart: Any, cli: Cli, tmp_path: Any
) -> None:
    home = cli.root / "build" / "quickstart"
    made = cli.json("quantize", "--model", str(home / "model"), "--out", str(tmp_path / "again"))
    assert made["digest"] == quickstart["int4"]["digest"]
    said = cli.run(
        "checkpoint.diff", "--one", str(home / "int4"), "--other", str(tmp_path / "again")
    )
    assert "equal" in said.stdout


def test_both_models_write_text(quickstart: Any, cli: Cli) -> None:
    for name in ("model", "int4"):
        folder = str(cli.root / "build" / "quickstart" / name)
        said = cli.json("generate", "--model", folder, "--prompt", "def ", "--max-new-tokens", "8")
        assert said["text"]


def test_a_model_directory_without_weights_is_refused_in_one_line(
    quickstart: Any, cli: Cli, tmp_path: Any
) -> None:
    (tmp_path / "empty").mkdir()
    said = cli.run(
        "quantize", "--model", str(tmp_path / "empty"), "--out", str(tmp_path / "out"), ok=False
    )
    assert said.returncode == 1
    assert "error:" in said.stderr
    assert " hint:" in said.stderr
    assert "Traceback" not in said.stderr
    assert not (tmp_path / "out").exists()


def test_interrupted_quantising_continues_to_the_same_checkpoint(
    quickstart: Any, cli: Cli, tmp_path: Any
) -> None:
    model, out = cli.root / "build" / "quickstart" / "model", tmp_path / "int4"
    command = ["./invokew", "quantize", "--model", str(model), "--out", str(out)]
    env = {**os.environ, "COLDFORGE_YES": "1"}
    work = subprocess.Popen(command, cwd=cli.root, env=env, stderr=subprocess.DEVNULL)
    while not list(tmp_path.rglob("done-00001.json")):
        assert work.poll() is None, "it ended before it could be interrupted"
        time.sleep(0.1)
    work.terminate()
    assert work.wait() == 128 + signal.SIGTERM
    assert not out.exists()
    said = cli.run("quantize", "--model", str(model), "--out", str(out))
    assert "blocks were finished before" in said.stderr
    digest = json.loads((out / "coldforge.json").read_text())["digest"]
    assert digest == quickstart["int4"]["digest"]
    assert [path.name for path in tmp_path.iterdir()] == ["int4"]


def test_a_failed_gate_exits_with_1(quickstart: Any, cli: Cli) -> None:
    home = cli.root / "build" / "quickstart"
    asked = ["evaluate", "--model", str(home / "int4"), "--reference", str(home / "model"),
             "--limit", "2"]  # fmt: skip
    assert cli.run(*asked, "--gate", "kl<0.01,top1>0.9").returncode == 0
    broken = cli.run(*asked, "--gate", "kl<0.0000001", ok=False)
    assert broken.returncode == 1
    assert "gate kl<1e-07: broken" in broken.stderr


def test_the_report_shows_the_numbers_that_were_printed(quickstart: Any) -> None:
    page = Path(quickstart["report"])
    shown = set(re.findall(r'data-value="([^"]*)"', page.read_text("utf-8")))
    told = json.loads((page.parent / "report.json").read_text("utf-8"))
    wanted = [quickstart["kl"], *(quickstart[side]["perplexity"] for side in ("original", "int4"))]
    for engine in quickstart["engines"].values():
        wanted += [engine["disk_bytes"], *engine["tokens_per_s"].values()]
    known = set(numbers(told))
    assert known.issuperset(wanted)
    assert shown.issuperset(map(json.dumps, wanted))


def numbers(value: Any) -> list[float]:
    """List the numbers anywhere in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]
    return [value] if isinstance(value, int | float) else []


def test_the_weight_loader_of_release_0_5_0_decodes_every_layer_exactly(quickstart: Any) -> None:
    runs = Path(quickstart["report"]).parents[1] / "runs"
    assert json.loads((runs / "check.json").read_text("utf-8"))["verdict"] == "exact"


def test_the_int4_engine_gives_its_checkpoints_logits_and_tokens(quickstart: Any, cli: Cli) -> None:
    home = cli.root / "build" / "quickstart"
    asked = ["engine.compare", "--prompts=4", "--tokens=16"]
    int4 = cli.json(*asked, f"--checkpoint={home / 'int4'}", f"--engine={home / 'engine-int4'}")
    assert int4["passed"]
    assert int4["greedy"]["identical"] == 4
    other = cli.run(
        *asked, f"--checkpoint={home / 'model'}", f"--engine={home / 'engine-int4'}", ok=False
    )
    assert other.returncode != 0
    assert "error:" in other.stderr


def test_an_engine_built_again_is_byte_identical(quickstart: Any, cli: Cli, tmp_path: Path) -> None:
    checkpoint = cli.root / "build" / "quickstart" / "int4"
    made = cli.json("engine.build", f"--checkpoint={checkpoint}", f"--out={tmp_path / 'again'}")
    assert made["digest"] == quickstart["engines"]["engine-int4"]["digest"]


def test_an_engine_answers_a_file_of_prompts_in_order(
    quickstart: Any, cli: Cli, tmp_path: Path
) -> None:
    engine = cli.root / "build" / "quickstart" / "engine-int4"
    prompts, answers = tmp_path / "prompts.txt", tmp_path / "answers.jsonl"
    prompts.write_text("import os\ndef read(path):\nclass \n", "utf-8")
    cli.run("engine.run", f"--engine={engine}", f"--prompts={prompts}", f"--out={answers}",
            "--max-new-tokens=8")  # fmt: skip
    said = [json.loads(line) for line in answers.read_text("utf-8").splitlines()]
    assert [answer["prompt"] for answer in said] == prompts.read_text("utf-8").splitlines()
    one = cli.json("generate", f"--engine={engine}", "--prompt=import os", "--max-new-tokens=8")
    assert one["text"] == said[0]["text"]


def test_a_tensorrt_engine_without_a_gpu_is_refused_at_once(
    quickstart: Any, cli: Cli, tmp_path: Path
) -> None:
    checkpoint = cli.root / "build" / "quickstart" / "int4"
    asked = ["engine.build", f"--checkpoint={checkpoint}", f"--out={tmp_path / 'e'}",
             "--backend=tensorrt-llm", "--release=0.5.0"]  # fmt: skip
    refused = cli.run(*asked, ok=False)
    assert refused.returncode == 3
    assert "engine.check" in refused.stderr
    assert "onnxruntime" in refused.stderr
    assert not list(tmp_path.iterdir())
    assert "examples/llama/build.py" in cli.run(*asked, "--dry-run").stdout
