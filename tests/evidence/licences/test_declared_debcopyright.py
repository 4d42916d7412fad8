from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.evidence.licences.declared import copyright_licences, read_copyright
from coldforge.evidence.licences.licence import Declared
from tests.evidence.conftest import COPYRIGHT
from tests.evidence.packages import deb


def packed(tmp_path: Path, data: bytes) -> Path:
    (tmp_path / "blob").write_bytes(data)
    return tmp_path / "blob"


def test_a_machine_readable_file_names_the_licences_of_its_files(tmp_path: Path) -> None:
    path = packed(tmp_path, deb({"./usr/share/doc/dash/copyright": COPYRIGHT}))
    assert read_copyright(path, "dash", "dash.deb") == Declared(
        ["BSD-3-clause", "GPL-2+ or mysterious"]
    )


def test_another_file_names_what_it_refers_to() -> None:
    text = "See /usr/share/common-licenses/GPL-2. Parts: /usr/share/common-licenses/Apache-2.0\n"
    assert copyright_licences(text) == ["Apache-2.0", "common-licenses GPL-2"]


def test_a_linked_folder_leads_to_another_package(tmp_path: Path) -> None:
    path = packed(tmp_path, deb({}, {"./usr/share/doc/libdash": "dash"}))
    assert read_copyright(path, "libdash", "libdash.deb") == Declared(see="dash")


def test_a_linked_file_leads_to_another_package(tmp_path: Path) -> None:
    path = packed(tmp_path, deb({}, {"./usr/share/doc/a/copyright": "../b/copyright"}))
    assert read_copyright(path, "a", "a.deb") == Declared(see="b")


def test_no_file_says_nothing(tmp_path: Path) -> None:
    assert read_copyright(packed(tmp_path, deb({"./x": b""})), "dash", "dash.deb") == Declared()


@pytest.mark.parametrize("data", [b"", b"no deb", deb({"./x": b"x" * 5000})[:-200]])
def test_a_damaged_package_is_named(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ColdforgeError):
        read_copyright(packed(tmp_path, data), "dash", "dash.deb")
