"""Every step once: whatever kills a sweep, and whatever changes between two."""

from pathlib import Path

import pytest

from coldforge.experiments.sweep.job import exclusive
from coldforge.experiments.sweep.run_job import MADE_BY, run_job
from tests.experiments.sweep.conftest import Killed, Pretender, do, jobs_in, said
from tests.smallmodels import PLAIN, safetensors

STEPS = 16  # of four jobs
OF_TWO = 8


def test_a_second_run_does_nothing_and_says_the_same(
    matrix: Path, tmp_path: Path, pretender: Pretender
) -> None:
    jobs = jobs_in(matrix, tmp_path / "out")
    first = do(jobs, pretender.steps)
    assert pretender.made == STEPS
    assert first[0].done == ["quantize", "evaluate", "onnxruntime engine", "onnxruntime bench"]
    again = do(jobs, pretender.steps)
    assert pretender.made == STEPS
    assert [outcome.done for outcome in again] == [[]] * len(jobs)
    assert said(again) == said(first)


@pytest.mark.parametrize("done", [False, True], ids=["before its work", "before its note"])
@pytest.mark.parametrize("call", range(1, OF_TWO + 1))
def test_killed_at_any_step_it_goes_on_there_and_says_the_same(
    matrix: Path, tmp_path: Path, call: int, done: bool
) -> None:
    jobs, killed = jobs_in(matrix, tmp_path / "out")[:2], Pretender()
    expected = said(do(jobs_in(matrix, tmp_path / "whole")[:2], Pretender().steps))
    killed.dies = (call, done)
    with pytest.raises(Killed):
        do(jobs, killed.steps)
    assert said(do(jobs, killed.steps)) == expected
    assert killed.made == OF_TWO + 1  # only the step it was killed at was done twice


def test_what_fails_is_said_in_its_cells_and_stops_no_other(
    matrix: Path, tmp_path: Path, pretender: Pretender
) -> None:
    jobs = jobs_in(matrix, tmp_path / "out")
    pretender.fails = {"quantise one-fp16", "measure two-fp16"}
    cells = {cell["name"]: cell for cell in said(do(jobs, pretender.steps))}
    assert cells["one-fp16"]["error"] == {
        "step": "quantize", "message": "it would not", "hint": "try again",
    }  # fmt: skip
    assert cells["one-fp16"]["evaluate"] is None
    assert cells["two-fp16"]["error"]["step"] == "bench"
    assert cells["two-fp16"]["engine"]["task"] == "engine.build"
    assert [name for name, cell in cells.items() if not cell["error"]] == [
        "one-rtn-bits8", "two-rtn-bits8",
    ]  # fmt: skip


def test_what_failed_is_tried_again_and_nothing_else(
    matrix: Path, tmp_path: Path, pretender: Pretender
) -> None:
    jobs = jobs_in(matrix, tmp_path / "out")
    pretender.fails = {"measure two-fp16"}
    do(jobs, pretender.steps)
    pretender.fails = set()
    before = pretender.made
    assert not [cell for cell in said(do(jobs, pretender.steps)) if cell["error"]]
    assert pretender.made == before + 1


def test_another_model_is_quantised_anew_and_the_other_one_is_not(
    matrix: Path, tmp_path: Path, pretender: Pretender
) -> None:
    do(jobs_in(matrix, tmp_path / "out"), pretender.steps)
    (tmp_path / "one" / "model.safetensors").write_bytes(safetensors(PLAIN, 3))
    outcomes = do(jobs_in(matrix, tmp_path / "out"), pretender.steps)
    assert [len(outcome.done) for outcome in outcomes] == [4, 4, 0, 0]


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [
        ("limit = 64", "limit = 64\n[calibration]\nsamples = 3", 0),  # neither method looks at it
        ("limit = 64", "limit = 3", 1),
        ("limit = 64", "limit = 64\n[bench]\ngrid = '8,8'", 1),
        ("bits = 8", "bits = 4", 2),  # two jobs of four, of four steps each
    ],
)
def test_only_what_a_setting_decides_is_done_anew(
    matrix: Path, tmp_path: Path, pretender: Pretender, before: str, after: str, steps: int
) -> None:
    do(jobs_in(matrix, tmp_path / "out"), pretender.steps)
    matrix.write_text(matrix.read_text("utf-8").replace(before, after), "utf-8")
    outcomes = do(jobs_in(matrix, tmp_path / "out"), pretender.steps)
    assert sum(len(outcome.done) for outcome in outcomes) == 4 * steps


def test_a_checkpoint_that_was_damaged_is_made_anew(
    matrix: Path, tmp_path: Path, pretender: Pretender
) -> None:
    jobs = jobs_in(matrix, tmp_path / "out")
    first = do(jobs, pretender.steps)
    (jobs[0].checkpoint / "model.safetensors").write_bytes(b"torn")
    again = do(jobs, pretender.steps)
    assert again[0].done == ["quantize"]
    assert said(again)[0]["digest"] == said(first)[0]["digest"]


def test_an_engine_that_is_gone_is_built_anew_but_not_measured_again(
    matrix: Path, tmp_path: Path, pretender: Pretender
) -> None:
    jobs = jobs_in(matrix, tmp_path / "out")
    do(jobs, pretender.steps)
    (jobs[0].engine(jobs[0].backends[0]) / "model.onnx").unlink()
    assert do(jobs, pretender.steps)[0].done[0] == "onnxruntime engine"


def test_no_result_of_other_inputs_is_left_by_a_failure(
    matrix: Path, tmp_path: Path, pretender: Pretender
) -> None:
    do(jobs_in(matrix, tmp_path / "out"), pretender.steps)
    (tmp_path / "one" / "model.safetensors").write_bytes(safetensors(PLAIN, 3))
    pretender.fails = {"quantise one-fp16"}
    do(jobs_in(matrix, tmp_path / "out"), pretender.steps)
    assert not list((tmp_path / "out" / "runs").glob("one-fp16-*"))
    assert len(list((tmp_path / "out" / "runs").glob("one-rtn-bits8-*"))) == 4


def test_backends_share_a_checkpoint(matrix: Path, tmp_path: Path, pretender: Pretender) -> None:
    eight = '{backend = "onnxruntime", activations = "int8"}'
    text = matrix.read_text("utf-8").replace('["onnxruntime"]', f'["onnxruntime", {eight}]')
    matrix.write_text(text, "utf-8")
    cells = said(do(jobs_in(matrix, tmp_path / "out"), pretender.steps))
    assert pretender.calls["quantise"] == pretender.calls["judge"] == 4
    assert pretender.calls["build"] == pretender.calls["measure"] == 8
    assert [cell["backend"] for cell in cells[:2]] == ["onnxruntime", "onnxruntime-int8"]
    assert len({cell["digest"] for cell in cells}) == len(cells)


def test_without_a_backend_a_cell_ends_with_its_judgement(
    matrix: Path, tmp_path: Path, pretender: Pretender
) -> None:
    matrix.write_text(matrix.read_text("utf-8").replace('["onnxruntime"]', "[]"), "utf-8")
    cell, *_ = said(do(jobs_in(matrix, tmp_path / "out"), pretender.steps))
    assert cell["evaluate"]["task"] == "evaluate"
    assert (cell["backend"], cell["engine"], cell["bench"], cell["error"]) == (None,) * 4


def test_a_worker_that_reads_another_model_or_text_says_so(
    matrix: Path, tmp_path: Path, pretender: Pretender
) -> None:
    job = jobs_in(matrix, tmp_path / "out")[0]
    (tmp_path / "one" / "model.safetensors").write_bytes(safetensors(PLAIN, 3))
    (cell,) = run_job(job, pretender.steps).cells
    assert f"{tmp_path / 'one'} differs on" in cell["error"]["message"]
    job = jobs_in(matrix, tmp_path / "out")[0]
    (tmp_path / "held.txt").write_text("Something else.", "utf-8")
    (cell,) = run_job(job, pretender.steps).cells
    assert cell["error"]["step"] == "evaluate"
    assert f"{tmp_path / 'held.txt'} differs on" in cell["error"]["message"]


def test_what_a_step_found_can_be_read_by_its_task(
    matrix: Path, tmp_path: Path, pretender: Pretender
) -> None:
    job = jobs_in(matrix, tmp_path / "out")[0]
    (cell,) = run_job(job, pretender.steps).cells
    tasks = {"quantize": "quantize", "evaluate": "evaluate", "engine": "engine.build"}
    for step, task in {**tasks, "bench": "bench"}.items():
        assert cell[step]["task"] == task
        assert len(cell[step][MADE_BY]) == 64


def test_a_job_waits_for_the_worker_that_was_given_up(
    matrix: Path, tmp_path: Path, pretender: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coldforge.experiments.sweep.run_job.PATIENCE", 0.0)
    job = jobs_in(matrix, tmp_path / "out")[0]
    with exclusive(job.place, job.name):
        (cell,) = run_job(job, pretender.steps).cells
    assert cell["error"]["message"] == "another run works on one-fp16"
    (cell,) = run_job(job, pretender.steps).cells
    assert not cell["error"]
