"""The walk: killed and resumed, on other threads, some blocks only, and what it refuses."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import compare, read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.quantize.quantize import run_quantize

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model
CODE = (
    "import sys, json; from coldforge.quantize.quantize import run_quantize as q;"
    " q(sys.argv[1], sys.argv[2], **json.loads(sys.argv[3]))"
)


def started(model: Path, out: Path, env: dict[str, str], **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", CODE, str(model), str(out), json.dumps(options)],
        env={**os.environ, **env},
        stderr=subprocess.DEVNULL,
    )


def test_killed_between_blocks_it_goes_on_to_the_same_bytes(
    demo: Path, int4: Path, text: str, tmp_path: Path
) -> None:
    out, part = tmp_path / "again", tmp_path / ".again.part" / ".work"
    work = started(demo, out, {"OMP_NUM_THREADS": "1"}, samples=4, calibration=text)
    while len(list(part.glob("done-*"))) < 2:
        assert work.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    work.send_signal(signal.SIGKILL)
    work.wait()
    assert not out.exists()
    finished = {path: path.stat().st_mtime_ns for path in part.glob("pieces/0000[01]*")}
    assert len(finished) == 2
    found = run_quantize(str(demo), str(out), samples=4, calibration=text)
    assert found["digest"] == read_checkpoint(int4).digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again"]


def test_other_settings_begin_anew(demo: Path, tmp_path: Path) -> None:
    part = tmp_path / ".out.part"
    (part / ".work").mkdir(parents=True)
    (part / "job").write_text("another")
    (part / ".work" / "done-00000.json").write_text("[]")
    run_quantize(str(demo), str(tmp_path / "out"), method="rtn")
    assert not part.exists()


def test_the_same_job_again_is_not_done_again(demo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = run_quantize(str(demo), str(out), method="rtn")
    before = (out / "model.safetensors").stat().st_mtime_ns
    again = run_quantize(str(demo), str(out), method="rtn")
    assert {name: again[name] for name in first} == first
    assert (out / "model.safetensors").stat().st_mtime_ns == before
    other = run_quantize(str(demo), str(out), method="rtn", asked={"bits": 8})
    assert other["digest"] != first["digest"]


def test_two_runs_at_one_place_do_not_mix(demo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    from coldforge.files.output import resumable
    from coldforge.model.card_facts import QUANTISED

    with (
        resumable(out, QUANTISED, "job") as part,
        pytest.raises(ColdforgeError, match="another run is making out"),
    ):
        (part / "config.json").write_text("{}")
        run_quantize(str(demo), str(out), method="rtn")


def test_some_blocks_only_leaves_the_others_as_they_are(
    demo: Path, text: str, tmp_path: Path
) -> None:
    out = str(tmp_path / "out")
    found = run_quantize(str(demo), out, samples=4, blocks="1:3", calibration=text)
    made, origin = read_checkpoint(tmp_path / "out"), read_checkpoint(demo)
    quantised = {name.split(".")[2] for name in made.tensors if name.endswith(".qweight")}
    assert quantised == {"1", "2"}
    same = compare(origin, made)["differing"]
    assert same == []
    assert found["layers"]["model.layers.0.mlp.up_proj"]["bits"] == 16


@pytest.mark.parametrize("span", ["3:1", "0:9", "1", "a:b", "2:2"])
def test_a_span_that_holds_no_block_is_refused(demo: Path, tmp_path: Path, span: str) -> None:
    with pytest.raises(ColdforgeError, match=f"--blocks {span}"):
        run_quantize(str(demo), str(tmp_path / "out"), method="rtn", blocks=span)


def test_pruned_weights_are_zero_in_the_checkpoint(demo: Path, text: str, tmp_path: Path) -> None:
    from coldforge.model.loading.load import load_model

    out = str(tmp_path / "out")
    run_quantize(str(demo), out, samples=2, prune="2:4", blocks="0:1", calibration=text)
    model = load_model(read_checkpoint(tmp_path / "out"))
    weight = model.get_submodule("model.layers.0.mlp.up_proj").weight
    assert ((weight.view(-1, 4) == 0).sum(1) >= 2).all()


def test_memory_grows_with_a_block_and_not_with_the_model(
    demo: Path, text: str, tmp_path: Path
) -> None:
    peaks = {}
    for layers in (2, 10):
        model = wide(tmp_path / f"m{layers}", demo, layers)
        code = CODE + "; import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        options = {"samples": 2, "length": 64, "calibration": text}
        said = subprocess.run(
            [sys.executable, "-c", code, str(model), str(tmp_path / f"q{layers}"),
             json.dumps(options)],
            capture_output=True, check=True, text=True,
        )  # fmt: skip
        peaks[layers] = int(said.stdout) * 1024
    grown = 8 * 2 * BLOCK  # bytes of the blocks more, as they lie on disk
    assert peaks[10] - peaks[2] < grown / 3


BLOCK = 4 * 512**2 + 3 * 512 * 2048


def wide(folder: Path, tokenizer: Path, layers: int) -> Path:
    """Write a random Llama of blocks of four million weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=4096, hidden_size=512, intermediate_size=2048, num_hidden_layers=layers,
        num_attention_heads=8, num_key_value_heads=8, max_position_embeddings=512,
    )  # fmt: skip
    LlamaForCausalLM(config).half().save_pretrained(folder, max_shard_size="50MB")
    for path in tokenizer.glob("tokenizer*"):
        shutil.copyfile(path, folder / path.name)
    return folder
