import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.mirror.carried.contents import HEAD, elf_machine
from tests.mirror.handmade import ARM, elf


def test_the_processor_of_a_real_program_is_told() -> None:
    assert elf_machine(Path(sys.executable).read_bytes()[:HEAD]) in ("x86_64", "aarch64")


def test_processors_are_named() -> None:
    assert [elf_machine(elf(number)) for number in (0x3E, ARM, 0xFE)] == [
        "x86_64",
        "aarch64",
        "machine 254",
    ]


def test_the_other_byte_order_is_read_too() -> None:
    assert elf_machine(b"\x7fELF\x02\x02\x01" + bytes(11) + b"\x00\x15") == "ppc64le"


@pytest.mark.parametrize("head", [b"", b"\x7fELF", b"!<arch>\n" + bytes(40)])
def test_anything_else_is_for_none(head: bytes) -> None:
    assert elf_machine(head) == ""


@given(st.binary(max_size=64))
def test_no_bytes_upset_it(head: bytes) -> None:
    elf_machine(head)
