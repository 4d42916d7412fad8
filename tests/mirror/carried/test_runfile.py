from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.mirror.carried.kind import Recognised, WantedFile, examine
from coldforge.mirror.carried.runfile import KIND, Header, Runfile, parse_header
from coldforge.stack.profile import Carried
from tests.mirror.handmade import ARM, made_runfile, runfile

ABOUT = Carried(
    "runfile", "cuda_{version}_linux.run", ["12.2.2_535.104.05"], "toolkit", "publisher"
)
WANT = WantedFile("small", "cuda", ABOUT)
NAME = "cuda_12.2.2_535.104.05_linux.run"


def judged(path: Path) -> Recognised:
    return KIND.identify(examine(path), WANT)


def refused(path: Path) -> str:
    with pytest.raises(ColdforgeError) as caught:
        judged(path)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value.message


@given(st.binary(max_size=300))
def test_any_other_text_has_no_header(head: bytes) -> None:
    assert parse_header(head) is None


def test_the_header_of_a_newer_makeself_is_read_too() -> None:
    lines = ["#!/bin/sh", 'MD5="11 22"', 'filesizes="5 7"', 'skip="5"', 'head -n "$skip" "$0"', ""]
    head = "\n".join(lines).encode()
    assert parse_header(head + b"payload") == Header(len(head), [5, 7], ["11", "22"])
    assert Header(3, [5, 7], []).size == 15


def test_the_right_installer_is_found(tmp_path: Path) -> None:
    assert judged(runfile(tmp_path)) == Recognised("cuda", "12.2.2_535.104.05", NAME)


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = runfile(tmp_path, "cuda_12.1.0_530.30.02_linux.run", version="12.1.0")
    assert "is cuda 12.1.0_530.30.02; stack small takes 12.2.2_535.104.05" in refused(path)


def test_a_name_of_another_version_than_inside_is_refused(tmp_path: Path) -> None:
    assert "was renamed: inside is version 11.8.0" in refused(runfile(tmp_path, version="11.8.0"))


def test_another_processor_is_refused_by_its_libraries(tmp_path: Path) -> None:
    assert "is for aarch64; stack small is x86_64" in refused(runfile(tmp_path, machine=ARM))


def test_another_processor_is_refused_by_its_name(tmp_path: Path) -> None:
    path = made_runfile(
        tmp_path / NAME.replace("linux", "linux_sbsa"), b"packed in a way of its own"
    )
    assert "is for aarch64; stack small is x86_64" in refused(path)


def test_a_foreign_name_is_refused_for_it_alone_says_the_version(tmp_path: Path) -> None:
    assert "is not named as its publisher names it" in refused(runfile(tmp_path, "cuda.run"))


def test_a_file_cut_off_is_told_from_its_own_header(tmp_path: Path) -> None:
    path = runfile(tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    assert f"{NAME} is cut off" in refused(path)
    path.write_bytes(path.read_bytes() + bytes(200))
    assert "100 bytes follow its end" in refused(path)


def test_damage_is_told_by_its_own_checksum(tmp_path: Path) -> None:
    path = made_runfile(tmp_path / NAME, b"payload", md5="0123456789abcdef" * 2)
    assert "archive 1 has another MD5" in refused(path)


def test_a_checksum_of_zeros_is_none(tmp_path: Path) -> None:
    judged(made_runfile(tmp_path / NAME, b"payload", md5="0" * 32))


def test_what_could_not_be_looked_into_is_said(tmp_path: Path) -> None:
    found = judged(made_runfile(tmp_path / NAME, b"packed in a way of its own"))
    assert found.notes == ("version taken from its name: nothing inside says it",)


def test_a_header_unlike_the_known_ones_is_accepted_and_said(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(b"#!/bin/sh\n# by Makeself 9\n")
    assert examine(path).facts == Runfile(False, None)
    assert "not checked for damage" in judged(path).notes[-1]


def test_a_script_that_is_no_installer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(b"#!/bin/sh\necho hello\n")
    assert "is not a makeself installer" in refused(path)
