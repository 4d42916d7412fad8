import pytest

from coldforge.experiments.survey.eta import Eta, seconds_left, span


def test_a_way_is_guessed_by_its_own_last_time_and_others_by_the_mean() -> None:
    assert seconds_left({"a": 10, "b": 20}, ["a", "c"]) == 10 + 15


def test_nothing_is_guessed_while_nothing_is_known() -> None:
    assert seconds_left({}, ["a"]) is None


def test_each_way_is_announced_with_its_number_and_the_time_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    eta = Eta(["a", "b", "a"])
    eta.begin("m", "a")
    eta.end("a", "fine", 40)
    eta.begin("m", "b")
    eta.end("b", "skipped", 0)
    eta.begin("n", "a")
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "[1/3] m a"
    assert said[2] == "[2/3] m b, about 80 s left"
    assert said[4] == "[3/3] n a, about 40 s left"


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 s"), (600, "10 min"), (9000, "2.5 h")])
def test_a_time_is_written_for_people(seconds: float, text: str) -> None:
    assert span(seconds) == text
