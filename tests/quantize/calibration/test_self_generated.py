"""Questions, batches and their sum; a sampler of random letters stands for the model."""

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.quantize.calibration.calibration import Calibration
from coldforge.quantize.calibration.generator import BATCH, ROUNDS, GenerationPlan, Generator
from coldforge.quantize.calibration.questions import Questions, seeds
from coldforge.quantize.calibration.sampling import Prompt
from coldforge.quantize.calibration.self_generated import Pairs, generate_calibration

pytest.importorskip("torch")
pytestmark = pytest.mark.model

ASKED = Questions("asked.txt", tuple(f"question {at}" for at in range(20)))
PLAN = GenerationPlan(samples=80, length=32, answer=30, temperature=1.0, seed=0)


class Letters:
    """A tokenizer of letters, with a chat template or none."""

    end = 0
    digest = "letters"

    def __init__(self, template: str | None = None) -> None:
        self.tokenizer = SimpleNamespace(
            chat_template=template,
            apply_chat_template=lambda turns, **_: f"<{turns[0]['content']}>",
            decode=lambda ids: "".join(map(chr, ids)),
        )

    def encode(self, texts: list[str]) -> list[list[int]]:
        return [list(map(ord, text)) for text in texts]


class Babbler:
    """Answers letters by the prompt's seed, and records what it was asked."""

    context = 200

    def __init__(self, most: int = 1000) -> None:
        self.asked: list[str] = []
        self.most = most

    def answers(self, rows: list[Prompt], most: int) -> list[list[int]]:
        self.asked += ["".join(map(chr, row.ids)) for row in rows]
        chances = [random.Random(row.seed) for row in rows]
        return [
            [chance.randrange(97, 123) for _ in range(min(most, self.most))] for chance in chances
        ]


def generator(questions: Questions = ASKED, plan: GenerationPlan = PLAN, **other: Any) -> Any:
    sampler: Any = other.get("sampler", Babbler())
    tokens: Any = other.get("tokens", Letters())
    return other.get("kind", Generator)(sampler, tokens, questions, plan)


def made(tmp_path: Path, by: Any) -> Calibration:
    return generate_calibration(by, "m" * 64, tmp_path / "set.cal.answers")


def test_windows_are_questions_and_answers_one_after_the_other(tmp_path: Path) -> None:
    found = made(tmp_path, generator())
    text = "".join(chr(item) for window in found.windows for item in window)
    assert [len(window) for window in found.windows] == [32] * 80
    for at, piece in enumerate(text.split("\0")[:25]):
        assert piece.startswith(f"question {at % 20}")
    assert list(tmp_path.iterdir()) == []


def test_it_says_how_it_was_made(tmp_path: Path) -> None:
    facts = made(tmp_path, generator()).facts
    assert facts["corpus"] == "self-generated from asked.txt"
    assert facts["questions_digest"] == ASKED.digest
    assert facts["model_digest"] == "m" * 64
    assert (facts["temperature"], facts["seed"], facts["samples"]) == (1.0, 0, 80)
    assert facts["kept"] + facts["dropped"].get("duplicate", 0) == facts["answered"]


@pytest.mark.parametrize(
    "other",
    [
        GenerationPlan(80, 32, 30, 1.0, 1),
        GenerationPlan(80, 32, 29, 1.0, 0),
        GenerationPlan(80, 31, 30, 1.0, 0),
    ],
    ids=["seed", "answer", "length"],
)
def test_another_plan_gives_another_digest(tmp_path: Path, other: GenerationPlan) -> None:
    assert made(tmp_path, generator()).digest != made(tmp_path, generator(plan=other)).digest


def test_the_number_of_cores_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for cores in "15":
        monkeypatch.setenv("OMP_NUM_THREADS", cores)
        found.append(made(tmp_path, generator()))
    assert found[0] == found[1]


class Killed(Generator):
    """Dies at its third batch."""

    def batch(self, number: int) -> Pairs:
        if number == 2:
            raise KeyboardInterrupt
        return super().batch(number)


def test_killed_it_goes_on_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    whole = made(tmp_path, generator())
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path, generator(kind=Killed))
    assert (tmp_path / "set.cal.answers").is_file()
    again = Babbler()
    assert made(tmp_path, generator(sampler=again)) == whole
    assert len(again.asked) == whole.facts["answered"] - 2 * BATCH


def test_answers_for_another_model_are_not_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path, generator(kind=Killed))
    afresh = Babbler()
    generate_calibration(generator(sampler=afresh), "n" * 64, tmp_path / "set.cal.answers")
    assert afresh.asked[0] == "question 0"


def test_greedy_asks_each_question_once_and_chance_a_few_times() -> None:
    greedy = GenerationPlan(1000, 32, 30, 0.0, 0)
    assert generator(plan=greedy).most == 20
    assert generator(plan=GenerationPlan(1000, 32, 30, 0.5, 0)).most == 20 * ROUNDS
    assert [len(generator(plan=greedy).batch(number)) for number in range(2)] == [BATCH, 20 - BATCH]


def test_fewer_answers_make_fewer_windows(tmp_path: Path) -> None:
    found = made(tmp_path, generator(plan=GenerationPlan(1000, 32, 30, 0.0, 0)))
    assert len(found.windows) == found.facts["samples"] == 20 * (30 + 12) // 32 - 1


def test_too_little_for_one_window_is_refused_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match=r"have 0 tokens, a window needs 32; dropped: 160 sh"):
        made(tmp_path, generator(sampler=Babbler(most=3)))


def test_a_question_too_long_for_the_model_is_left_out_and_counted(tmp_path: Path) -> None:
    questions = Questions("asked.txt", ("x" * 180, *ASKED.texts))
    found = made(tmp_path, generator(questions))
    assert found.facts["dropped"]["too long a question"] == 1
    assert ord("x") not in found.windows[0][:10]


def test_a_chat_model_is_asked_in_its_own_form() -> None:
    sampler = Babbler()
    generator(sampler=sampler, tokens=Letters("{{ messages }}")).batch(0)
    assert sampler.asked[0] == "<question 0>"


def test_after_the_seeds_the_model_writes_questions_of_its_own(tmp_path: Path) -> None:
    sampler = Babbler()
    plan = GenerationPlan(40, 64, 30, 1.0, 0)
    found = made(tmp_path, generator(seeds(), plan, sampler=sampler))
    assert sampler.asked[: len(seeds().texts)] == list(seeds().texts)
    examples = sampler.asked[len(seeds().texts)]
    assert examples.endswith("\n\n\n")
    assert sum(text.rstrip() in examples for text in seeds().texts) == 3
    assert found.facts["inventing"]


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (GenerationPlan(0, 32, 30, 1.0, 0), "at least one sample"),
        (GenerationPlan(1, 32, 0, 1.0, 0), "at least one token"),
        (GenerationPlan(1, 32, 30, -1.0, 0), "temperature -1.0 is out of range"),
        (GenerationPlan(1, 32, 30, float("nan"), 0), "temperature nan is out of range"),
    ],
)
def test_a_plan_for_nothing_is_refused(plan: GenerationPlan, said: str) -> None:
    with pytest.raises(ColdforgeError, match=said):
        plan.check()
