import gzip
import json
import math
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.evaluate.humaneval import (
    Problem,
    paired,
    pass_at_k,
    program,
    read_completions,
    read_problems,
    scores,
    truncated,
    wilson,
)

ONE = Problem(
    task_id="Demo/0",
    prompt='def double(n):\n    """Double n."""\n',
    entry_point="double",
    canonical_solution="    return 2 * n\n",
    test="def check(candidate):\n    assert candidate(2) == 4\n",
)
TWO = ONE._replace(task_id="Demo/1")


def write(path: Path, *items: object) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")
    return path


def runs(text: str) -> bool:
    try:
        exec(text, {})
    except Exception:  # noqa: BLE001
        return False
    return True


@given(st.integers(1, 9), st.data())
def test_pass_at_k_is_the_share_of_choices_that_hold_a_pass(
    samples: int, data: st.DataObject
) -> None:
    correct = data.draw(st.integers(0, samples))
    k = data.draw(st.integers(1, samples))
    verdicts = [True] * correct + [False] * (samples - correct)
    chosen = [any(choice) for choice in combinations(verdicts, k)]
    assert math.isclose(pass_at_k(samples, correct, k), sum(chosen) / len(chosen))


def test_pass_at_k_holds_for_many_samples() -> None:
    exact = 1 - math.comb(990, 100) / math.comb(1000, 100)
    assert math.isclose(pass_at_k(1000, 10, 100), exact)
    assert pass_at_k(200, 101, 100) == 1.0


@pytest.mark.parametrize(("samples", "correct", "k"), [(1, 2, 1), (1, 0, 2), (3, -1, 1), (3, 0, 0)])
def test_pass_at_k_of_the_impossible_is_refused(samples: int, correct: int, k: int) -> None:
    with pytest.raises(ValueError, match="pass@"):
        pass_at_k(samples, correct, k)


def test_the_interval_is_wilson_s() -> None:
    """0.3 of 164 problems: about seven points to either side."""
    low, high = wilson(0.3, 164)
    assert (round(low, 4), round(high, 4)) == (0.2351, 0.3741)
    assert wilson(0.0, 164)[0] == 0.0
    assert 0.02 < wilson(0.0, 164)[1] < 0.03
    assert math.isclose(wilson(1.0, 164)[1], 1.0)


@given(st.integers(1, 300), st.data())
def test_the_interval_holds_the_share_and_solves_its_equation(
    count: int, data: st.DataObject
) -> None:
    share = data.draw(st.integers(0, count)) / count
    for bound in wilson(share, count):
        square = 1.959963984540054**2 * bound * (1 - bound) / count
        assert math.isclose((share - bound) ** 2, square, abs_tol=1e-9)


def test_the_paired_test_is_mc_nemar_s_exact_one() -> None:
    before = {str(n): int(n < 10) for n in range(20)}
    after = {str(n): int(n < 4 or n == 19) for n in range(20)}
    found = paired(before, after)
    assert (found.gained, found.lost) == (1, 6)
    assert found.p == 2 * (1 + 7) / 2**7


def test_what_did_not_change_proves_nothing() -> None:
    assert paired({"a": 1, "b": 0}, {"a": 1, "b": 0}).p == 1.0
    assert paired({"a": 1, "b": 0}, {"a": 0, "b": 1}).p == 1.0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_the_paired_test_counts_every_coin(pairs: list[tuple[int, int]]) -> None:
    """Flip each changed problem's direction every possible way; count splits as uneven."""
    found = paired(dict(enumerate_names(pairs, 0)), dict(enumerate_names(pairs, 1)))
    changed = found.gained + found.lost
    uneven = abs(found.gained - found.lost)
    ways = [abs(2 * bin(way).count("1") - changed) >= uneven for way in range(2**changed)]
    assert math.isclose(found.p, sum(ways) / len(ways))


def enumerate_names(pairs: list[tuple[int, int]], side: int) -> list[tuple[str, int]]:
    return [(str(at), pair[side]) for at, pair in enumerate(pairs)]


def test_scores_are_means_over_problems() -> None:
    found = scores({"a": [True, False, False], "b": [False] * 3, "c": [True] * 3})
    assert (found["problems"], found["samples"]) == (3, 3)
    assert math.isclose(found["pass@1"], (1 / 3 + 0 + 1) / 3)
    assert math.isclose(found["pass@3"], 2 / 3)
    low, high = found["pass@3_interval"]
    assert low < found["pass@3"] < high
    assert scores({"a": [True]}).keys() == {"problems", "samples", "pass@1", "pass@1_interval"}


def test_the_program_runs_to_its_end_only_with_a_right_completion() -> None:
    assert runs(program(ONE, ONE.canonical_solution))
    assert not runs(program(ONE, "    return None\n" + ONE.canonical_solution))
    assert not runs(program(ONE, ""))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("    return 1\n\ndef other():\n", "    return 1\n"),
        ("\n    return 1\n    # why\n# end", "\n    return 1\n    # why"),
        ("    return 1\nclass A:\nif x:", "    return 1"),
        ("    if x:\n        print(1)\n", "    if x:\n        print(1)\n"),
        ("    a = 1\nprint(a)\ndef b", "    a = 1"),
        ("", ""),
    ],
)
def test_a_completion_ends_where_the_function_does(text: str, kept: str) -> None:
    assert truncated(text) == kept


def test_problems_are_read_gzipped_or_not(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.jsonl", ONE._asdict() | {"more": 1}, TWO._asdict())
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_problems(plain) == read_problems(packed) == [ONE, TWO]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "has no problem"),
        (b"not json\n", "cannot be read"),
        (b"\x1f\x8bnot gzip", "cannot be read"),
        (gzip.compress(b"{}\n" * 99, mtime=0)[:20], "cannot be read"),
        (b"[1]\n", "is not a JSON object"),
        (b'{"task_id": "a"}\n', "no text for 'prompt'"),
        (json.dumps(ONE._asdict() | {"test": 3}).encode(), "no text for 'test'"),
        (2 * (json.dumps(ONE._asdict()).encode() + b"\n"), "or duplicates"),
    ],
)
def test_a_file_that_is_no_humaneval_is_one_line(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(ColdforgeError, match=why):
        read_problems(tmp_path / "file")


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="does not exist"):
        read_problems(tmp_path / "none")


def test_completions_are_read_in_order(tmp_path: Path) -> None:
    lines = [{"task_id": task, "completion": task + "!"} for task in ("Demo/1", "Demo/0", "Demo/1")]
    found = read_completions(write(tmp_path / "file", *lines), [ONE, TWO])
    assert found == [("Demo/1", "Demo/1!"), ("Demo/0", "Demo/0!"), ("Demo/1", "Demo/1!")]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"task_id": "Other/1", "completion": ""}, "'Other/1'"),
        ({"task_id": "Demo/1", "completion": None}, "'Demo/1'"),
        ({"completion": ""}, "None"),
    ],
)
def test_a_stranger_s_completion_is_refused(tmp_path: Path, line: object, why: str) -> None:
    with pytest.raises(ColdforgeError, match=why):
        read_completions(write(tmp_path / "file", line), [ONE, TWO])
