import sys
from pathlib import Path

import pytest

from coldforge.plugins import provided


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    place = tmp_path / "grown"
    for name in [name for name in sys.modules if name.partition(".")[0] == "grown"]:
        monkeypatch.delitem(sys.modules, name)
    (place / "folder").mkdir(parents=True)
    files = {"b": "THING = 2", "a": "THING = 1", "helper": "", "folder/__init__": "THING = 3"}
    for name, text in {"__init__": "", **files}.items():
        (place / f"{name}.py").write_text(text, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return "grown"


def test_each_module_and_subpackage_that_has_it_is_found_by_name(package: str) -> None:
    assert list(provided(package, "THING").items()) == [("a", 1), ("b", 2), ("folder", 3)]


def test_a_module_that_fails_to_import_is_an_error_and_not_left_out(
    package: str, tmp_path: Path
) -> None:
    (tmp_path / "grown" / "c.py").write_text("import nothing_like_this", "utf-8")
    with pytest.raises(ModuleNotFoundError, match="nothing_like_this"):
        provided(package, "THING")


def test_a_private_module_is_neither_listed_nor_imported(package: str, tmp_path: Path) -> None:
    (tmp_path / "grown" / "_private.py").write_text("raise AssertionError", "utf-8")
    assert "_private" not in provided(package, "THING")
