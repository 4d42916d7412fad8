import pytest

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.image.audit.audit import Audit, AuditedLibrary, DeviceCode
from coldforge.stack.recipe import WheelRecipe
from coldforge.stack.stack import Stack, StackFile
from coldforge.tasks.wheel import architectures, audit_lines, chosen


def stack(**recipes: WheelRecipe) -> Stack:
    return Stack("demo", StackFile("", 0, []), {}, recipes)


OWN = WheelRecipe("", release=True)
OTHER = WheelRecipe("", sdist="other==1")


@pytest.mark.parametrize(
    ("asked", "read"),
    [
        ("", []),
        ("80,86,89", ["80-real", "86-real", "89-real"]),
        ("100a, 89 ,80,80-real", ["80-real", "89-real", "100a-real"]),
        ("90-virtual,80", ["80-real", "90-virtual"]),
    ],
)
def test_a_bare_number_means_machine_code_without_ptx(asked: str, read: list[str]) -> None:
    assert architectures(asked) == read


@pytest.mark.parametrize("asked", ["sm_80", "8.0", "80-fast", "80;86"])
def test_an_invalid_architecture_is_refused(asked: str) -> None:
    with pytest.raises(ColdforgeError, match="is not a CUDA architecture"):
        architectures(asked)


def test_the_release_s_own_wheel_is_the_default() -> None:
    assert chosen(stack(own=OWN, other=OTHER), "") == "own"
    assert chosen(stack(own=OWN, other=OTHER), "other") == "other"


def test_the_only_wheel_is_the_default() -> None:
    assert chosen(stack(other=OTHER), "") == "other"


def test_several_wheels_must_be_chosen_from() -> None:
    with pytest.raises(ColdforgeError, match="has 2 wheels: another, other"):
        chosen(stack(other=OTHER, another=OTHER), "")


def test_a_stack_without_wheels_is_refused() -> None:
    with pytest.raises(ColdforgeError, match="has 0 wheels: none"):
        chosen(stack(), "")


def test_an_unknown_wheel_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError) as caught:
        chosen(stack(own=OWN), "onw")
    assert caught.value.hint == "known: own"


def test_an_audit_is_readable() -> None:
    binary = AuditedLibrary(
        file="demo/libdemo.so",
        device=DeviceCode(["sm_80"]),
        symbols={"GLIBC": "2.34"},
        search=["$ORIGIN"],
        libraries={"libc.so.6": "/lib/libc.so.6"},
        notes=["searches /x, which the image does not have"],
    )
    text = "\n".join(audit_lines(Audit("demo.whl", "ab", ["80-real"], [binary])))
    assert "device code  sm_80; PTX: none" in text
    assert "needs        GLIBC 2.34" in text
    assert "note: searches /x" in text
    assert text.endswith("contains the requested architectures: 80-real")
