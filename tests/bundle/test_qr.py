import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.bundle import inventory, qr
from coldforge.bundle.inventory import Inventory
from coldforge.errors import ColdforgeError, MissingInputError

DATA = random.Random(1).randbytes(12 * qr.CHUNK - 100)
LINES = qr.codes(DATA)
ALPHANUMERIC = re.compile(r"[0-9A-Z $%*+./:-]+")


@given(data=st.binary(max_size=2000), order=st.randoms(use_true_random=False))
def test_codes_read_in_any_order_make_the_same_bytes(data: bytes, order: random.Random) -> None:
    lines = qr.codes(data)
    order.shuffle(lines)
    assert qr.read_codes("\n".join(lines)) == data


@given(st.binary(max_size=2000))
def test_a_code_holds_only_what_its_mode_can_spell(data: bytes) -> None:
    assert all(ALPHANUMERIC.fullmatch(line) for line in qr.codes(data))
    assert all(len(line) <= qr.CHARACTERS for line in qr.codes(data))


def test_a_full_code_is_of_version_20() -> None:
    assert len(LINES) == 12
    assert {qr.draw(line).version for line in LINES[:-1]} == {20}
    assert {qr.draw(line).error for line in LINES} == {"M"}


def test_foreign_lines_and_repeated_codes_are_passed_over() -> None:
    scanned = ["WIFI:S:site;;", *LINES, "", LINES[4], "QR-Code:" + LINES[2], "scanned 13 codes"]
    assert qr.read_codes("\r\n".join(scanned)) == DATA


def test_a_scanner_in_lower_case_is_understood() -> None:
    assert qr.read_codes("\n".join(LINES).lower()) == DATA


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ([3, 7], "codes 3, 7 of 12 are missing"),
        ([12], "code 12 of 12 is missing"),
        ([1, 2, 5, 6, 7, 8], "codes 1, 2, 5-8 of 12 are missing"),
    ],
)
def test_missing_codes_are_named(lost: list[int], said: str) -> None:
    scanned = [line for number, line in enumerate(LINES, 1) if number not in lost]
    with pytest.raises(MissingInputError, match=f"^{said}$"):
        qr.read_codes("\n".join(scanned))


@given(number=st.integers(0, 11), place=st.integers(0), sign=st.sampled_from("A2Z7/ x"))
def test_a_code_read_wrongly_is_named_or_harmless(number: int, place: int, sign: str) -> None:
    line = LINES[number]
    place %= len(line)
    wrong = [*LINES[:number], line[:place] + sign + line[place + 1 :], *LINES[number + 1 :]]
    try:
        assert qr.read_codes("\n".join(wrong)) == DATA
    except MissingInputError as error:
        assert error.message == f"code {number + 1} of 12 is missing"


def test_a_code_that_lost_its_end_is_named() -> None:
    with pytest.raises(MissingInputError, match="code 4 of 12 is missing"):
        qr.read_codes("\n".join([*LINES[:3], LINES[3][:-8], *LINES[4:]]))


def test_codes_of_two_inventories_are_not_mixed() -> None:
    with pytest.raises(ColdforgeError, match="several inventories"):
        qr.read_codes("\n".join([*LINES, *qr.codes(b"another")]))


def test_text_without_a_code_is_refused() -> None:
    for text in ("", "hello", "CFH1/00000000/1/1/AAAA", LINES[0].replace("/1/", "/0/")):
        with pytest.raises(ColdforgeError, match="no code"):
            qr.read_codes(text)


@given(st.text(max_size=200))
def test_any_text_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(ColdforgeError):
        qr.read_codes(text)


def test_what_paper_cannot_hold_is_refused() -> None:
    assert len(qr.codes(bytes(9999 * qr.CHUNK))) == 9999
    with pytest.raises(ColdforgeError, match="too long for paper"):
        qr.codes(bytes(9999 * qr.CHUNK + 1))


def test_a_page_has_a_picture_and_a_caption_for_each_code(tmp_path: Path) -> None:
    assert qr.write_page(DATA, tmp_path / "page.html") == 12
    page = (tmp_path / "page.html").read_text("utf-8")
    short = LINES[0].split("/")[1]
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    assert captions == [f"{number}/12 · {short}" for number in range(1, 13)]
    assert page.count("<svg") == 12


def test_a_page_needs_nothing_beside_it(tmp_path: Path) -> None:
    qr.write_page(DATA, tmp_path / "page.html")
    assert not re.search(r"https?:|src=|href=|url\(", (tmp_path / "page.html").read_text("utf-8"))


def test_a_file_and_its_scanned_codes_are_the_same_inventory(tmp_path: Path) -> None:
    taken = Inventory("0.1.0", bytes(range(10)), b"", {}, [], 1)
    data = inventory.encode(taken)
    (tmp_path / "file").write_bytes(data)
    (tmp_path / "scanned").write_text("\n".join(qr.codes(data)), "utf-8")
    assert qr.read_inventory(tmp_path / "file") == qr.read_inventory(tmp_path / "scanned") == taken


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b"no codes\n", inventory.MAGIC, DATA])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ColdforgeError):
        qr.read_inventory(tmp_path / "file")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "have.cfh"):
        with pytest.raises(MissingInputError, match=str(path)):
            qr.read_inventory(path)


@pytest.mark.skipif(not shutil.which("zbarimg"), reason="zbarimg is not installed")
def test_a_reader_of_another_maker_reads_the_pictures(tmp_path: Path) -> None:
    pictures = [tmp_path / f"{number}.png" for number in range(len(LINES))]
    for line, picture in zip(LINES, pictures, strict=True):
        qr.draw(line).save(str(picture), scale=4)
    command = ["zbarimg", "--quiet", "--nodbus", *map(str, pictures)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert qr.read_codes(done.stdout) == DATA
