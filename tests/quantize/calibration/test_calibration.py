import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from coldforge.errors import ColdforgeError, RefusedError
from coldforge.model.corpus import Corpus, Document
from coldforge.quantize.calibration.calibration import (
    Calibration,
    draw,
    is_frozen,
    read_frozen,
    refuse_other,
    write_frozen,
)


class Letters:
    """A tokenizer that makes a token of each character."""

    end = 0
    digest = "letters"

    def encode(self, texts: list[str]) -> list[list[int]]:
        return [[ord(letter) for letter in text] for text in texts]


CORPUS = Corpus("two", (Document("a", "abcdefgh"), Document("b", "ijklmnop")))


def test_the_same_seed_draws_the_same_windows() -> None:
    one, two = (draw(CORPUS, Letters(), 5, 4, seed=7) for _ in range(2))
    assert one.windows == two.windows
    assert one.digest == two.digest


def test_another_seed_draws_other_windows() -> None:
    assert draw(CORPUS, Letters(), 5, 4, 7).digest != draw(CORPUS, Letters(), 5, 4, 8).digest


def test_windows_are_stretches_of_the_text() -> None:
    stream = "".join(map(chr, [*b"abcdefgh", 0, *b"ijklmnop", 0]))
    drawn = draw(CORPUS, Letters(), 20, 4, 1)
    assert len(drawn.windows) == 20
    assert all("".join(map(chr, window)) in stream for window in drawn.windows)


def test_a_window_may_take_all_there_is() -> None:
    assert draw(CORPUS, Letters(), 1, 18, 0).length == 18


def test_text_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(ColdforgeError, match="has 18 tokens, a window needs 19") as caught:
        draw(CORPUS, Letters(), 1, 19, 0)
    assert "--length" in caught.value.hint


@pytest.mark.parametrize(("samples", "length"), [(0, 4), (4, 0), (-1, 4)])
def test_no_samples_or_no_tokens_are_refused(samples: int, length: int) -> None:
    with pytest.raises(ColdforgeError, match="at least one"):
        draw(CORPUS, Letters(), samples, length, 0)


def test_the_digest_is_that_of_the_ids_and_their_tokenizer() -> None:
    one = Calibration([[1, 2]], "a", {"corpus": "x"})
    assert one.digest == Calibration([[1, 2]], "a", {"corpus": "y"}).digest
    assert one.digest != Calibration([[1, 2]], "b", {"corpus": "x"}).digest
    assert one.digest != Calibration([[2, 1]], "a", {"corpus": "x"}).digest


def test_the_facts_say_how_it_was_made_and_how_large_it_is() -> None:
    facts = draw(CORPUS, Letters(), 5, 4, seed=7).facts
    assert facts["corpus"] == "two"
    assert facts["corpus_digest"] == CORPUS.digest
    assert (facts["samples"], facts["length"], facts["seed"]) == (5, 4, 7)
    assert facts["tokenizer"] == "letters"


SET = Calibration([[3, 1, 4], [1, 5, 9]], "f" * 64, {"corpus": "digits", "seed": 0})


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    path = tmp_path / "set.cal"
    write_frozen(path, SET)
    return path


@settings(max_examples=20)  # each waits for the disk
@given(
    windows=some.integers(1, 5).flatmap(
        lambda length: some.lists(
            some.lists(some.integers(0, 2**31), min_size=length, max_size=length), min_size=1
        )
    ),
    name=some.text(),
)
def test_what_is_read_is_what_was_written(
    windows: list[list[int]], name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("frozen") / "set.cal"
    calibration = Calibration(windows, "t", {"corpus": name})
    write_frozen(path, calibration)
    assert is_frozen(path)
    assert read_frozen(path) == calibration


def test_the_same_set_gives_the_same_bytes(frozen: Path, tmp_path: Path) -> None:
    write_frozen(tmp_path / "again", SET)
    assert (tmp_path / "again").read_bytes() == frozen.read_bytes()


def test_no_byte_can_be_taken_from_its_end_or_changed(frozen: Path) -> None:
    whole = frozen.read_bytes()
    for at in range(len(whole) - 1):
        frozen.write_bytes(whole[:at])
        with pytest.raises(RefusedError, match="not a complete calibration set"):
            read_frozen(frozen)
        frozen.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ColdforgeError):
            read_frozen(frozen)


@pytest.mark.parametrize("key", ["windows", "made", "tokenizer", "digest"])
def test_an_edited_part_is_noticed(frozen: Path, key: str) -> None:
    content = json.loads(frozen.read_text())
    content[key] = {"windows": [[3, 1, 5]], "made": {}, "tokenizer": "e", "digest": "0"}[key]
    frozen.write_text(json.dumps(content))
    with pytest.raises(RefusedError, match="was changed after it was made"):
        read_frozen(frozen)


@pytest.mark.parametrize("windows", [[], [[]], [[1, 2], [3]]])
def test_a_set_without_windows_of_one_length_is_refused(
    tmp_path: Path, windows: list[list[int]]
) -> None:
    write_frozen(tmp_path / "set.cal", Calibration(windows, "t", {"corpus": "none"}))
    with pytest.raises(RefusedError, match="no windows of equal length"):
        read_frozen(tmp_path / "set.cal")


def test_a_later_version_is_named(frozen: Path) -> None:
    frozen.write_bytes(frozen.read_bytes().replace(b'"calibration":1', b'"calibration":2'))
    with pytest.raises(ColdforgeError, match="of version 2, 1 is read here"):
        read_frozen(frozen)


def test_a_text_is_no_set_and_a_broken_set_is_no_text(frozen: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("import os\n")
    assert not is_frozen(tmp_path / "text.txt")
    assert not is_frozen(tmp_path)
    frozen.write_bytes(frozen.read_bytes()[:40])
    assert is_frozen(frozen)


def test_only_a_set_is_replaced(frozen: Path, tmp_path: Path) -> None:
    refuse_other(frozen)
    refuse_other(tmp_path / "new.cal")
    (tmp_path / "thesis.txt").write_text("years of work")
    for taken in (tmp_path / "thesis.txt", tmp_path):
        with pytest.raises(ColdforgeError, match="is not a calibration set"):
            refuse_other(taken)
