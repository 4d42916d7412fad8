import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.evaluate.humaneval import Problem
from coldforge.image.containers import sandbox
from coldforge.image.containers.sandbox import SandboxVerdict
from coldforge.tasks import _humaneval, _in_image, image
from coldforge.tasks._humaneval import run_humaneval, table
from coldforge.tasks._verdicts import Candidate, verdicts

TASKS = ("Demo/0", "Demo/1", "Demo/2")
RIGHT = "    return 2 * n\n"


class Bench:
    """Stands for the sandbox: it believes programs of the right solution; it can be killed."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.breaks_after = 99

    def __call__(
        self, client: Any, name: str, programs: Mapping[str, str], limits: Any
    ) -> Iterator[tuple[str, SandboxVerdict]]:
        yield from self.judge(programs)

    def judge(self, programs: Mapping[str, str]) -> Iterator[tuple[str, SandboxVerdict]]:
        for name, text in programs.items():
            if len(self.ran) == self.breaks_after:
                raise KeyboardInterrupt
            self.ran.append(name)
            passed = RIGHT in text
            yield name, SandboxVerdict(passed, "" if passed else "AssertionError: x", 0.1)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    found = Bench()
    monkeypatch.setattr(sandbox, "run_programs", found)
    monkeypatch.setattr(image, "build_and_load", lambda stack, yes: None)
    monkeypatch.setattr("coldforge.host.docker_client.ensure_docker", lambda yes: ClosingClient())
    return found


class ClosingClient:
    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    test = "def check(candidate):\n    assert candidate(2) == 4\n"
    return lines(
        tmp_path / "problems.jsonl",
        *(Problem(task, "def f(n):\n", "f", RIGHT, test)._asdict() for task in TASKS),
    )


def lines(path: Path, *items: object) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")
    return path


def completed(path: Path, *bodies: str) -> str:
    pairs = zip(TASKS * len(bodies), bodies, strict=False)
    return str(lines(path, *({"task_id": task, "completion": body} for task, body in pairs)))


def test_given_completions_are_judged(bench: Bench, problems: Path, tmp_path: Path) -> None:
    file = completed(tmp_path / "given", RIGHT, "    pass\n", RIGHT)
    found = run_humaneval(problems=str(problems), completions=file, out=str(tmp_path / "out"))
    assert (found["passed"], found["problems"], found["samples"]) == (2, 3, 1)
    assert found["pass@1"] == pytest.approx(2 / 3)
    assert found["failures"] == {"AssertionError": 1}
    json.dumps(found)
    text = table(found)
    assert text.startswith("pass@1")
    assert "66.7% (20.8% to 93.9%)" in text
    assert "failed: 1 AssertionError" in text
    assert "3 programs run, 0 verdicts kept" in text


def test_a_run_that_was_killed_goes_on(bench: Bench, problems: Path, tmp_path: Path) -> None:
    given: Any = {
        "problems": str(problems),
        "completions": completed(tmp_path / "given", RIGHT, "    pass\n", RIGHT),
        "out": str(tmp_path / "out"),
    }
    bench.breaks_after = 2
    with pytest.raises(KeyboardInterrupt):
        run_humaneval(**given)
    (results,) = (tmp_path / "out").iterdir()
    with results.open("a") as stream:
        stream.write('{"task_id": "Demo/2", "sam')
    bench.breaks_after = 99
    found = run_humaneval(**given)
    assert bench.ran == ["Demo/0 0", "Demo/1 0", "Demo/2 0"]
    assert (found["executed"], found["kept"], found["passed"]) == (1, 2, 2)
    assert run_humaneval(**given)["executed"] == 0


def test_a_verdict_on_another_program_is_not_kept(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "results"
    assert verdicts([Candidate("Demo/0", 0, RIGHT)], path, bench.judge)[1] == 1
    assert verdicts([Candidate("Demo/0", 0, RIGHT)], path, bench.judge)[1] == 0
    found, ran = verdicts([Candidate("Demo/0", 0, "pass")], path, bench.judge)
    assert (ran, found["Demo/0 0"]["passed"]) == (1, False)
    found, ran = verdicts([Candidate("Demo/0", 0, "pass")], path, bench.judge)
    assert (ran, found["Demo/0 0"]["passed"]) == (0, False)


def test_every_problem_needs_a_completion(bench: Bench, problems: Path, tmp_path: Path) -> None:
    file = completed(tmp_path / "given", RIGHT)
    with pytest.raises(ColdforgeError, match=r"lacks 2 of 3 problems: Demo/1"):
        run_humaneval(problems=str(problems), completions=file, out=str(tmp_path))
    assert run_humaneval(problems=str(problems), completions=file, out=str(tmp_path), limit=1)


def test_several_completions_of_a_problem_are_samples(
    bench: Bench, problems: Path, tmp_path: Path
) -> None:
    file = completed(tmp_path / "given", RIGHT, "", "", "", "", RIGHT)
    found = run_humaneval(problems=str(problems), completions=file, out=str(tmp_path / "out"))
    assert found["samples"] == 2
    assert (found["pass@1"], found["pass@2"]) == pytest.approx((1 / 3, 2 / 3))


@pytest.fixture
def image_writes(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Stand for the image: models write the completions given here by their name."""
    bodies: dict[str, list[str]] = {}

    def ask(work: Any) -> dict[str, Any]:
        told = dict(flag[2:].split("=", 1) for flag in work.flags)
        model = Path(told["model"])
        path = Path(told["out"]) / f"candidates-{model.name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        pairs = zip(TASKS * 2, bodies[model.name], strict=False)
        lines(
            path,
            *(
                {"task_id": task, "sample": at // 3, "completion": body}
                for at, (task, body) in enumerate(pairs)
            ),
        )
        settings = {"temperature": 0.0, "max_new_tokens": 512}
        return {
            "path": str(path), "model": str(model), "digest": "d", "settings": settings,
            "disk_bytes": 1, "image": None,
        }  # fmt: skip

    monkeypatch.setattr(_in_image, "ask", ask)
    return bodies


def test_a_model_is_compared_with_its_original(
    bench: Bench, problems: Path, tmp_path: Path, image_writes: dict[str, list[str]]
) -> None:
    image_writes |= {"before": [RIGHT, RIGHT, ""], "after": [RIGHT, "", ""]}
    found = run_humaneval(
        problems=str(problems), model="after", reference="before", out=str(tmp_path / "out")
    )
    assert found["paired"] == {"gained": 0, "lost": 1, "p": 1.0}
    assert found["pass@1"] == pytest.approx(1 / 3)
    assert found["reference"]["pass@1"] == pytest.approx(2 / 3)
    json.dumps(found)
    assert "0 problems gained, 1 lost, p = 1.000 (McNemar, exact)" in table(found)
    assert "greedy, 512 tokens at most" in table(found)


def test_a_sample_that_was_not_asked_for_is_left_out(
    bench: Bench, problems: Path, tmp_path: Path, image_writes: dict[str, list[str]]
) -> None:
    image_writes["model"] = [RIGHT, "", "", "", RIGHT, ""]
    given: Any = {"problems": str(problems), "model": "model", "out": str(tmp_path / "out")}
    assert run_humaneval(**given, samples=2)["pass@2"] == pytest.approx(2 / 3)
    assert run_humaneval(**given, samples=1)["pass@1"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "nothing to evaluate"),
        ({"model": "m", "completions": "c"}, "nothing to evaluate"),
        ({"completions": "c", "reference": "r"}, "has no original"),
        ({"model": "m", "samples": 0}, "nothing to run"),
    ],
)
def test_what_makes_no_sense_is_one_line(problems: Path, given: Any, why: str) -> None:
    with pytest.raises(ColdforgeError, match=why):
        run_humaneval(problems=str(problems), out="out", **given)


def test_in_the_image_there_is_no_sandbox(problems: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLDFORGE_IN_IMAGE", "1")
    with pytest.raises(ColdforgeError, match="needs Docker"):
        run_humaneval(problems=str(problems), model="m")


def test_where_results_lie_is_below_build_unless_told(
    bench: Bench, problems: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLDFORGE_ROOT", str(tmp_path))
    file = completed(tmp_path / "given", RIGHT, RIGHT, RIGHT)
    found = run_humaneval(problems=str(problems), completions=file)
    assert Path(found["results"]).parent == tmp_path / "build" / "humaneval"
    assert _humaneval.table(found)
