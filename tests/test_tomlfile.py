from pathlib import Path

import msgspec
import pytest

from coldforge.errors import ColdforgeError
from coldforge.tomlfile import read_toml


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    count: int = 1


def test_a_file_becomes_a_structure(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('name = "x"\n', "utf-8")
    assert read_toml(path, Shape) == Shape("x")


@pytest.mark.parametrize(
    "data",
    [b"name =", b"name = 1", b'name = "x"\nmore = 1', b'name = "x"\ncount = "1"', b"\xff", b""],
)
def test_anything_else_is_an_error_that_names_the_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(data)
    with pytest.raises(ColdforgeError, match=r"^a\.toml") as caught:
        read_toml(path, Shape)
    assert caught.value.hint == f"fix {path}"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match=r"cannot read .*none\.toml"):
        read_toml(tmp_path / "none.toml", Shape)
