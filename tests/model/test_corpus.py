from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.model.corpus import FILE_CAP, Corpus, Document, read_texts, standard_library


def test_a_file_keeps_its_side_when_others_come_and_go() -> None:
    documents = [Document(f"{number}.py", "x") for number in range(200)]
    learn, judge = Corpus("all", tuple(documents)).split()
    fewer, left = Corpus("some", tuple(documents[::3])).split()
    assert set(fewer.documents) <= set(learn.documents)
    assert set(left.documents) <= set(judge.documents)
    assert 0 < len(judge.documents) < 60


def test_both_sides_together_are_the_whole() -> None:
    corpus = standard_library()
    learn, judge = corpus.split()
    assert {*learn.documents, *judge.documents} == set(corpus.documents)
    assert not {*learn.documents} & {*judge.documents}


def test_the_standard_library_comes_without_tests_and_packages() -> None:
    paths = [item.path for item in standard_library().documents]
    assert "json/decoder.py" in paths
    assert paths == sorted(paths)
    assert not [path for path in paths if {"test", "site-packages"} & set(path.split("/"))]


def test_a_tree_gives_its_text_sorted_by_path(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("second")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "z.md").write_text("first")
    (tmp_path / "a" / "binary.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "a" / "large.txt").write_text("x" * (FILE_CAP + 1))
    (tmp_path / "a" / "image.png").write_text("not text")
    (tmp_path / "link.txt").symlink_to(tmp_path / "b.txt")
    corpus = read_texts(tmp_path)
    assert [item.path for item in corpus.documents] == ["a/z.md", "b.txt"]


def test_the_digest_follows_names_and_content(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    first = read_texts(tmp_path).digest
    assert read_texts(tmp_path).digest == first
    (tmp_path / "a.txt").rename(tmp_path / "b.txt")
    second = read_texts(tmp_path).digest
    (tmp_path / "b.txt").write_text("two")
    assert len({first, second, read_texts(tmp_path).digest}) == 3


def test_a_single_file_of_any_name_is_text(tmp_path: Path) -> None:
    (tmp_path / "prompts").write_text("hello")
    assert read_texts(tmp_path / "prompts").texts == ["hello"]


def test_a_tree_without_text_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="no text"):
        read_texts(tmp_path)


def test_a_missing_place_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="no such file or folder"):
        read_texts(tmp_path / "none")
