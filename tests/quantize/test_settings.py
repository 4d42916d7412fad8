from dataclasses import asdict, dataclass
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.quantize.registry import all_settings
from coldforge.quantize.settings import declared, given, merged, resolve, setting


@dataclass(frozen=True)
class Settings:
    bits: int = setting(4, "Width", choices=(8, 4))
    ratio: float | None = setting(None, "Ratio", valid=lambda ratio: ratio < 1, hint="below 1")
    sym: bool = setting(True, "Zero points", off="asym")


@dataclass(frozen=True)
class Other:
    bits: int = setting(3, "Width", choices=(3,))


def test_the_flags_are_derived_from_what_methods_declare() -> None:
    shown = {item.parameter: (item.unset, item.description) for item in all_settings().values()}
    assert shown["bits"] == (0, "Width of a weight: 8, 4 or 3. Default 4.")
    assert shown["group_size"] == (
        0,
        "Weights that share a scale, -1 for a whole row. Default 128.",
    )
    assert shown["asym"] == (False, "Zero points of their own for each group.")
    assert shown["steps"] == (0, "qat: training steps. Default 100.")
    assert shown["max_kl"] == ("", "mixed: divergence to stay below, such as 0.002.")
    assert shown["act_order"][1].startswith("gptq: most important inputs first")
    assert "sym" not in shown


@pytest.mark.parametrize(
    ("parameters", "asked"),
    [
        ({"bits": 8, "ratio": "0", "asym": True}, {"bits": 8, "ratio": 0.0, "sym": False}),
        ({"bits": 0, "ratio": "", "asym": False}, {}),
        ({"elsewhere": 1}, {}),
    ],
)
def test_what_the_user_gave_is_told_from_what_was_left_out(
    parameters: dict[str, Any], asked: dict[str, Any]
) -> None:
    assert given(declared("own", Settings), parameters) == asked


def test_a_number_that_is_not_one_names_the_flag() -> None:
    with pytest.raises(ColdforgeError, match="--ratio half is not a number"):
        given(declared("own", Settings), {"ratio": "half"})


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        ({"bits": 5}, "own does not take --bits 5", "choose: 8, 4"),
        ({"ratio": 1.0}, "own does not take --ratio 1.0", "below 1"),
        ({"ratio": float("nan")}, "own does not take --ratio nan", "below 1"),
        ({"steps": 2}, "--steps is not for own", "its own flags: --bits, --ratio, --sym"),
    ],
)
def test_what_a_method_does_not_take_is_refused(
    asked: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(ColdforgeError, match=message) as caught:
        resolve("own", Settings, asked)
    assert caught.value.hint == hint


def test_defaults_are_filled_in() -> None:
    assert resolve("own", Settings, {"bits": 8}) == asdict(Settings(bits=8))


def test_settings_of_one_name_are_joined() -> None:
    bits = merged([declared("other", Other), declared("own", Settings)])["bits"]
    assert bits.choices == (8, 4, 3)
    assert bits.description == "Width: 8, 4 or 3."


def test_one_name_for_two_kinds_of_values_is_an_error() -> None:
    @dataclass(frozen=True)
    class Text:
        bits: str = setting("four", "Width")

    with pytest.raises(TypeError, match="bits is declared differently by own, text"):
        merged([declared("own", Settings), declared("text", Text)])
