from pathlib import Path

import pytest

from coldforge.files import code
from coldforge.files.code import code_digest


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    for name in ("one.py", "folder/two.py", "folder/deep/three.toml"):
        (tmp_path / name).write_text(name, "utf-8")
    monkeypatch.setattr(code, "PACKAGE", tmp_path)
    code_digest.cache_clear()
    return tmp_path


def digest_now(*places: str) -> str:
    code_digest.cache_clear()
    return code_digest(*places)


@pytest.mark.parametrize("name", ["one.py", "folder/two.py", "folder/deep/three.toml"])
def test_a_byte_of_any_file_below_a_place_changes_the_digest(package: Path, name: str) -> None:
    before = digest_now("one.py", "folder")
    (package / name).write_text("other", "utf-8")
    assert digest_now("one.py", "folder") != before


def test_a_new_file_and_a_renamed_one_change_the_digest(package: Path) -> None:
    before = digest_now("folder")
    (package / "folder" / "four.py").write_text("", "utf-8")
    with_four = digest_now("folder")
    (package / "folder" / "four.py").rename(package / "folder" / "five.py")
    assert len({before, with_four, digest_now("folder")}) == 3


def test_byte_code_does_not_count(package: Path) -> None:
    before = digest_now("folder")
    (package / "folder" / "__pycache__").mkdir()
    (package / "folder" / "__pycache__" / "two.pyc").write_bytes(b"x")
    assert digest_now("folder") == before


@pytest.mark.parametrize("place", ["gone.py", "gone"])
def test_a_place_that_is_not_there_is_an_error(package: Path, place: str) -> None:
    with pytest.raises(FileNotFoundError):
        code_digest("folder", place)
