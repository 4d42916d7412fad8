import csv
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.engine.bench.plan import Measuring
from coldforge.engine.commands import bench
from coldforge.engine.commands.bench import prompts, refuse_file, run_bench
from coldforge.errors import ColdforgeError
from coldforge.evaluate.workers.worker import start_workers

SIDE = "coldforge.engine.bench.worker"


@pytest.mark.model
def test_engines_are_timed_and_weighed_in_every_cell(
    fp32_engine: Path, int4_engine: Path, tmp_path: Path
) -> None:
    asked = Measuring("8,4;5,1", repeats=2, threads=1)
    found = run_bench([str(int4_engine), str(fp32_engine)], asked, str(tmp_path / "out"))
    assert json.loads((tmp_path / "out" / "bench.json").read_text("utf-8")) == found
    text = (tmp_path / "out" / "bench.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["precision"] for row in rows] == ["int4", "int4", "fp32", "fp32"]
    assert found["protocol"]["grid"] == [[8, 4], [5, 1]]
    small, plain = found["engines"]
    for engine in (small, plain):
        assert [(cell["input_len"], cell["output_len"]) for cell in engine["cells"]] == [
            (8, 4),
            (5, 1),
        ]
        first, second = engine["cells"]
        assert 0 < first["ttft_ms"]["p50"] < first["e2e_ms"]["p50"]
        assert (second["tpot_ms"], second["itl_ms"]) == (None, None)
        memory = engine["memory"]
        assert memory["host_libraries_bytes"] < memory["host_loaded_bytes"]
        assert memory["host_loaded_bytes"] <= memory["host_peak_bytes"] * 1.05
    assert [cell["speedup"] for cell in plain["cells"]] == [None, None]
    for one, other in zip(small["cells"], plain["cells"], strict=True):
        wanted = one["output_tokens_per_s"] / other["output_tokens_per_s"]
        assert one["speedup"] == pytest.approx(wanted)
    assert found["versions"]["onnxruntime-genai"]


@pytest.mark.model
def test_a_damaged_engine_is_named_by_its_process(int4_engine: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(int4_engine, torn)
    (torn / "tokenizer.json").write_text("{", "utf-8")
    with (
        start_workers(torn, module=SIDE) as (side,),
        pytest.raises(ColdforgeError, match="as it was"),
    ):
        side.ask("load", threads=1)


def test_a_file_is_no_place_for_results(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", "utf-8")
    refuse_file("")
    refuse_file(str(tmp_path / "new"))
    with pytest.raises(ColdforgeError, match="is not a directory"):
        refuse_file(str(tmp_path / "file"))


def test_a_processor_is_named_as_its_maker_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bench, "CPUINFO", tmp_path / "cpuinfo")
    bench.CPUINFO.write_text("processor\t: 0\nmodel name\t: Abacus 9: fast\n", "utf-8")
    assert bench.processor() == "Abacus 9: fast"
    bench.CPUINFO.unlink()
    assert bench.processor()


def test_what_was_not_looked_at_says_why() -> None:
    assert bench.machine({}, "no GPU")["skipped"] == {"nvml": "no GPU"}
    found = bench.machine({"name": "A10"}, "")
    assert (found["gpu"], found["skipped"]) == ({"name": "A10"}, {})
    assert found["cores"] > 0


COUNTS = st.integers(1, 40)


@given(COUNTS, COUNTS, st.integers(1, 4), st.integers(0, 9))
def test_prompts_have_the_length_asked_for_and_repeat(
    vocab: int, length: int, count: int, seed: int
) -> None:
    found = prompts(vocab, length, count, seed)
    assert [len(one) for one in found] == [length] * count
    assert all(0 <= token < vocab for one in found for token in one)
    assert found == prompts(vocab, length, count, seed)


def test_another_seed_draws_others() -> None:
    assert prompts(4096, 16, 1, 0) != prompts(4096, 16, 1, 1)
