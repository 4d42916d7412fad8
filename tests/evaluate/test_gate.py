import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.evaluate.gate import (
    Condition,
    GateError,
    Measure,
    check_conditions,
    check_gate,
    read_gate,
)

EXAMPLE = "kl<0.01, top1>0.98,ppl<+2%,pass@1>-1%"
SIZES = st.floats(0, 1e300)
PASSES = st.integers(1, 10**6).map(lambda k: f"pass@{k}")


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    metric = draw(st.sampled_from(["kl", "top1", "ppl"]) | PASSES)
    change = metric not in {"kl", "top1"} and draw(st.booleans())
    size = draw(SIZES)
    sign = draw(st.sampled_from([1, -1])) if change else 1
    return Condition(metric, draw(st.booleans()), sign * size, change)


@given(st.lists(conditions(), min_size=1, max_size=4))
def test_what_is_written_is_read_back(wanted: list[Condition]) -> None:
    assert read_gate(", ".join(map(str, wanted))) == wanted


@given(st.text(alphabet="klpst@1.,<>+-% e=", max_size=12) | st.text(max_size=12))
def test_any_text_is_read_or_refused_in_two_lines(text: str) -> None:
    try:
        found = read_gate(text)
    except ColdforgeError as error:
        assert error.exit_code == 2
        assert error.hint
    else:
        assert all(math.isfinite(condition.bound) for condition in found)


def test_the_four_kinds_of_condition() -> None:
    assert read_gate(EXAMPLE) == [
        Condition("kl", above=False, bound=0.01),
        Condition("top1", above=True, bound=0.98),
        Condition("ppl", above=False, bound=2, change=True),
        Condition("pass@1", above=True, bound=-1, change=True),
    ]
    assert read_gate(" ") == []


@pytest.mark.parametrize("text", ["speed>3", "pass@0>1", "pass>1", "KL<1"])
def test_an_unknown_metric_is_named(text: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown metric"):
        read_gate(text)


@pytest.mark.parametrize("text", ["kl", "kl<", "kl<=1", "kl<0.01,", "ppl<1e999", "kl<\u0661", "x"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(GateError):
        read_gate(text)


@pytest.mark.parametrize("text", ["ppl<2%", "ppl<+2", "top1>98%"])
def test_sign_and_per_cent_go_together(text: str) -> None:
    with pytest.raises(GateError, match="neither a value nor a change"):
        read_gate(text)


def test_a_change_of_what_is_a_distance_already_is_refused() -> None:
    with pytest.raises(GateError, match="against the reference already"):
        read_gate("kl<+2%")


def test_what_is_not_measured_is_refused_before_any_work() -> None:
    with pytest.raises(GateError, match="kl, which is not measured here"):
        check_gate(read_gate("kl<1"), ["ppl"], compared=False)
    with pytest.raises(GateError, match="needs an original"):
        check_gate(read_gate("ppl<+1%"), ["ppl"], compared=False)
    check_gate(read_gate(EXAMPLE), ["kl", "top1", "ppl", "pass@1"], compared=True)


def test_the_point_estimate_decides_and_the_interval_stands_beside() -> None:
    measured = {
        "ppl": Measure(6.1, (6.0, 6.2), 1.9, (1.5, 2.5)),
        "pass@1": Measure(0.70, (0.6, 0.8), -1.5),
    }
    ppl, passes = check_conditions(read_gate("ppl<+2%,pass@1>-1%"), measured)
    assert ppl.holds
    assert str(ppl) == "gate ppl<+2.0%: holds, measured 1.9 (1.5 to 2.5)"
    assert not passes.holds
    assert str(passes) == "gate pass@1>-1.0%: broken, measured -1.5"


@given(st.floats(allow_nan=False), st.booleans())
def test_equal_is_neither_below_nor_above_and_no_number_holds_nothing(
    bound: float, above: bool
) -> None:
    condition = Condition("ppl", above, bound)
    assert not condition.holds(bound)
    assert not condition.holds(math.nan)
