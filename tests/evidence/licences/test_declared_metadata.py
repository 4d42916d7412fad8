from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.evidence.licences.declared import metadata_licences, read_metadata
from coldforge.evidence.licences.licence import Declared
from tests.evidence.packages import core, sdist, wheel

OSI = "Classifier: License :: OSI Approved ::"


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ("License-Expression: MIT\nLicense: old\n", ["MIT"]),
        (f"License: BSD-3-Clause\n{OSI} BSD License\n", ["BSD-3-Clause"]),
        (f"License: see LICENSE\n{OSI} MIT License\n", ["MIT License"]),
        (f"{OSI} BSD License\n", ["BSD License"]),
        ("License: In-house\n", ["In-house"]),
        (f"License: {'word ' * 60}\n", []),
        ("License: UNKNOWN\n", []),
        ("Classifier: License :: OSI Approved\n", []),
        ("", []),
    ],
)
def test_the_most_exact_field_counts(fields: str, names: list[str]) -> None:
    assert metadata_licences(fields.encode() + b"\nLicense: of the body\n") == names


def test_a_wheel_and_an_sdist_are_read(tmp_path: Path) -> None:
    for file, data in {
        "a-1-py3-none-any.whl": wheel("a", "1", "License-Expression: MIT\n"),
        "a-1.tar.gz": sdist("a", "1", "License-Expression: MIT\n"),
    }.items():
        (tmp_path / "blob").write_bytes(data)
        assert read_metadata(tmp_path / "blob", "a", file) == Declared(["MIT"])


@pytest.mark.parametrize("file", ["a-1-py3-none-any.whl", "a-1.tar.gz"])
def test_a_damaged_file_is_named(tmp_path: Path, file: str) -> None:
    (tmp_path / "blob").write_bytes(b"damaged")
    with pytest.raises(ColdforgeError, match=file):
        read_metadata(tmp_path / "blob", "a", file)


@pytest.mark.parametrize(("size", "names"), [(8 << 20, ["MIT"]), ((8 << 20) + 1, [])])
def test_metadata_of_more_than_8_mib_is_not_read(
    tmp_path: Path, size: int, names: list[str]
) -> None:
    plain = len(core("a", "1", "License-Expression: MIT\n"))
    more = f"License-Expression: MIT\nX: {'x' * (size - plain - 4)}\n"
    assert len(core("a", "1", more)) == size
    (tmp_path / "blob").write_bytes(wheel("a", "1", more))
    assert read_metadata(tmp_path / "blob", "a", "a-1-py3-none-any.whl") == Declared(names)


@pytest.mark.parametrize(("size", "names"), [((8 << 20) + 1, ["MIT"]), ((8 << 20) + 2, ["MI"])])
def test_of_an_sdist_s_metadata_the_first_8_mib_are_read(
    tmp_path: Path, size: int, names: list[str]
) -> None:
    plain = len(core("a", "1", "License-Expression: MIT"))
    more = f"X: {'x' * (size - plain - 4)}\nLicense-Expression: MIT"
    assert len(core("a", "1", more)) == size
    (tmp_path / "blob").write_bytes(sdist("a", "1", more))
    assert read_metadata(tmp_path / "blob", "a", "a-1.tar.gz") == Declared(names)
