import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.image.audit.elf import Elf, read_elf
from tests.image.elves import elf_of

NAMES = st.text("abcXYZ_.0123456789", min_size=1, max_size=12)
LISTS = st.lists(NAMES, max_size=4)


@given(
    NAMES, LISTS, st.dictionaries(NAMES, st.lists(NAMES, min_size=1, max_size=4), max_size=3), LISTS
)
def test_what_was_written_is_read(
    soname: str, needed: list[str], needs: dict[str, list[str]], defines: list[str]
) -> None:
    data = elf_of(soname, needed, "$ORIGIN/libs:/opt", needs=needs, defines=defines)
    assert read_elf(io.BytesIO(data), "it") == Elf(
        soname=soname,
        needed=needed,
        search=["$ORIGIN/libs", "/opt"],
        needs={name: sorted(versions) for name, versions in needs.items()},
        defines=sorted(set(defines)),
    )


def test_a_file_inside_another_is_read_where_it_begins() -> None:
    data = b"before it" + elf_of("libx.so.1")
    assert read_elf(io.BytesIO(data), "it", start=9).soname == "libx.so.1"


def test_an_old_search_path_counts_only_where_there_is_no_new_one() -> None:
    assert read_elf(io.BytesIO(elf_of(rpath="/old")), "it").search == ["/old"]
    both = elf_of(rpath="/old", runpath="/new")
    assert read_elf(io.BytesIO(both), "it").search == ["/new"]


@given(st.integers(min_value=0), st.integers(0, 255))
def test_damage_is_one_line(place: int, byte: int) -> None:
    data = bytearray(elf_of("libx.so.1", ["liby.so"], needs={"libc.so.6": ["GLIBC_2.2"]}))
    data[place % len(data)] = byte
    try:
        read_elf(io.BytesIO(bytes(data)), "it")
    except ColdforgeError as error:
        assert error.message.startswith("it is not a sound")


@given(st.integers(min_value=0))
def test_a_file_that_is_cut_off_is_one_line(size: int) -> None:
    data = elf_of("libx.so.1", ["liby.so"])
    with pytest.raises(ColdforgeError, match="it is not a sound 64-bit ELF file"):
        read_elf(io.BytesIO(data[: size % len(data)]), "it")
