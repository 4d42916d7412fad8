"""What the README promises of its first command."""

import json
import os
import signal
import subprocess
import time
from typing import Any

import pytest

from tests.e2e.conftest import Cli

pytestmark = [pytest.mark.engine, pytest.mark.network]


def test_int4_linear_weights_take_at_most_three_tenths_of_fp16(quickstart: Any) -> None:
    assert 0.25 < quickstart["linear_share"] <= 0.30
    assert quickstart["int4"]["disk_bytes"] < quickstart["original"]["disk_bytes"]


def test_training_teaches_and_quantising_costs_less_than_a_twentieth(quickstart: Any) -> None:
    assert quickstart["original"]["perplexity"] < quickstart["perplexity_untrained"] / 10
    assert quickstart["perplexity_loss"] < 0.05
    assert quickstart["kl"] > 0


def test_a_second_run_makes_nothing_anew(quickstart: Any, cli: Cli) -> None:
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


def test_a_model_directory_without_weights_is_one_clear_line(
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


def test_quantising_that_is_interrupted_goes_on_to_the_same_checkpoint(
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


def test_a_gate_that_is_broken_fails_a_pipeline(quickstart: Any, cli: Cli) -> None:
    home = cli.root / "build" / "quickstart"
    asked = ["evaluate", "--model", str(home / "int4"), "--reference", str(home / "model"),
             "--limit", "2"]  # fmt: skip
    assert cli.run(*asked, "--gate", "kl<0.01,top1>0.9").returncode == 0
    broken = cli.run(*asked, "--gate", "kl<0.0000001", ok=False)
    assert broken.returncode == 1
    assert "gate kl<1e-07: broken" in broken.stderr
