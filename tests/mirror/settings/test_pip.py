from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.mirror.settings.pip import (
    configure,
    default_index,
    from_environment,
    read_pip,
    settings,
)

DEFAULT = "https://example.invalid/simple/"


def test_settings_are_read_as_pip_prints_them() -> None:
    assert settings("global.index-url='https://example.org/simple'\nglobal.timeout='5'\n") == {
        "index-url": "https://example.org/simple",
        "timeout": "5",
    }


def test_the_environment_overrides_install_which_overrides_global() -> None:
    listing = """:env:.index-url='three'
global.index-url='one'
global.cert='one'
install.cert='two'
install.index-url='two'
"""
    assert settings(listing) == {"index-url": "three", "cert": "two"}


def test_other_commands_settings_and_odd_lines_are_passed_over() -> None:
    assert settings("freeze.index-url='no'\nnonsense\n\nglobal.cert=un'quoted\n") == {
        "cert": "un'quoted"
    }


@given(st.text())
def test_any_value_pip_can_print_is_read_back(value: str) -> None:
    assert settings(f"global.cert={value!r}").get("cert") == value


@given(st.text())
def test_no_listing_is_a_traceback(listing: str) -> None:
    settings(listing)


def test_lists_may_be_split_by_lines_or_spaces() -> None:
    config = configure({"extra-index-url": "\nhttps://a.example.org\nfile:///b  c://d"}, DEFAULT)
    assert config.indexes[1:] == ["https://a.example.org", "file:///b", "c://d"]


def test_the_default_index_is_used_when_none_is_set() -> None:
    assert configure({}, DEFAULT).indexes == [DEFAULT.rstrip("/")]
    assert configure({"index-url": "https://own.example.org"}, DEFAULT).indexes == [
        "https://own.example.org"
    ]


def test_an_index_named_twice_is_asked_once() -> None:
    merged = {"index-url": "https://a.example.org/s/", "extra-index-url": "https://a.example.org/s"}
    assert configure(merged, DEFAULT).indexes == ["https://a.example.org/s"]


@pytest.mark.parametrize("value", ["1", "true", "Yes", "on"])
def test_no_index_leaves_find_links_alone(value: str) -> None:
    config = configure({"no-index": value, "find-links": "https://example.org/f"}, DEFAULT)
    assert (config.indexes, config.no_index) == ([], True)
    assert config.find_links == ["https://example.org/f"]


def test_find_links_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    config = configure({"find-links": "here ~/there file:///a"}, DEFAULT)
    assert config.find_links == [str(tmp_path / "here"), "/home/someone/there", "file:///a"]


def test_without_pip_its_environment_variables_are_read() -> None:
    environment = {"PIP_INDEX_URL": "https://example.org", "PIP_FIND_LINKS": "/a", "PIP_CERT": ""}
    assert from_environment(environment) == {
        "index-url": "https://example.org",
        "find-links": "/a",
    }


def test_pips_own_configuration_is_honoured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://example.org/file\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_TRUSTED_HOST", "example.org")
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    read_pip.cache_clear()
    try:
        config = read_pip()
    finally:
        read_pip.cache_clear()
    assert "https://example.org/file" in config.indexes
    assert str(tmp_path) in config.find_links
    assert config.trusted == ["example.org"]


def test_some_index_is_the_default() -> None:
    assert default_index().startswith("https://")
