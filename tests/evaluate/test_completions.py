import json
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.evaluate.completions import drawing, run_samples, stopped
from coldforge.evaluate.humaneval import Problem

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    """Two problems, and one whose prompt no small model has room for."""
    prompts = ["def a():\n", "def b():\n", "# long " * 3000]
    items = [Problem(f"Demo/{at}", text, "a", "", "") for at, text in enumerate(prompts)]
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps(item._asdict()) + "\n" for item in items), "utf-8")
    return path


def lines(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(found["path"]).read_text("utf-8").splitlines()]


def test_every_problem_gets_its_completions(demo: Path, problems: Path, tmp_path: Path) -> None:
    found = run_samples(str(demo), str(problems), str(tmp_path / "out"), samples=2, most=6)
    written = lines(found)
    assert [(line["task_id"], line["sample"]) for line in written] == [
        (f"Demo/{at}", sample) for at in range(3) for sample in range(2)
    ]
    assert {line["completion"] for line in written[4:]} == {""}
    assert (found["written"], found["kept"]) == (6, 0)
    assert found["settings"]["temperature"] == 0.8


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(
    demo: Path, problems: Path, tmp_path: Path
) -> None:
    given: Any = {"model": str(demo), "problems": str(problems), "samples": 3, "most": 6}
    found = run_samples(out=str(tmp_path / "out"), **given)
    path = Path(found["path"])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    kept = whole[: len(whole) // 2].count(b"\n")
    again = run_samples(out=str(tmp_path / "out"), **given)
    assert (again["kept"], again["written"]) == (kept, 9 - kept)
    assert path.read_bytes() == whole
    assert run_samples(out=str(tmp_path / "out"), **given)["written"] == 0


def test_more_samples_keep_those_that_are_there(demo: Path, problems: Path, tmp_path: Path) -> None:
    given: Any = {"model": str(demo), "problems": str(problems), "out": str(tmp_path / "out")}
    assert run_samples(samples=2, limit=1, most=6, **given)["written"] == 2
    more = run_samples(samples=3, limit=2, most=6, **given)
    assert (more["kept"], more["written"]) == (2, 4)


def test_one_sample_is_greedy_and_lies_apart(demo: Path, problems: Path, tmp_path: Path) -> None:
    given: Any = {"model": str(demo), "problems": str(problems), "out": str(tmp_path / "out")}
    one = run_samples(samples=1, limit=1, most=6, **given)
    assert one["settings"]["temperature"] == 0.0
    assert one["path"] != run_samples(samples=2, limit=1, most=6, **given)["path"]
    assert one["path"] != run_samples(samples=1, limit=1, most=5, **given)["path"]


def test_no_sample_is_no_run(demo: Path, problems: Path, tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="nothing to write"):
        run_samples(str(demo), str(problems), str(tmp_path), samples=0)


def test_writing_stops_where_the_function_does() -> None:
    parts = iter(["    return 1", "\n", "\nde", "f other", "never asked for"])
    assert stopped(parts) == "    return 1\n"
    assert list(parts) == ["never asked for"]


def test_draws_follow_the_softmax_and_repeat_with_their_seed() -> None:
    logits = torch.tensor([0.0, 1.0, 2.0, -50.0])
    choose, again = drawing("a", 0.8), drawing("a", 0.8)
    drawn = [choose(logits) for _ in range(4000)]
    assert drawn == [again(logits) for _ in range(4000)]
    wanted = (logits / 0.8).softmax(-1)
    for token in range(4):
        assert abs(drawn.count(token) / 4000 - float(wanted[token])) < 0.03
    other = drawing("b", 0.8)
    assert drawn != [other(logits) for _ in range(4000)]
