import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.member import Member, check_link, check_name, clean_name

UNSAFE = ["", "/", "/x", "..", "../x", "a/../b", "a//b", "a/./b", "./a", "a/", "a/..", "a\0b"]


@pytest.mark.parametrize("path", UNSAFE)
def test_a_name_that_could_land_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(ColdforgeError, match="unsafe member name"):
        check_name(path)


@pytest.mark.parametrize("path", ["a", "a/b", "..a", "a..", "...", ".a/.b", "ä b/c\n"])
def test_a_name_that_only_looks_odd_is_taken(path: str) -> None:
    check_name(path)


@pytest.mark.parametrize(
    ("name", "path"),
    [("./usr/bin/", "usr/bin"), ("./", ""), (".", ""), ("a//b/./c", "a/b/c"), ("a", "a")],
)
def test_an_archive_s_spelling_becomes_a_path(name: str, path: str) -> None:
    assert clean_name(name) == path


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "./../x", "a/../../x", "a\0b"])
def test_an_escaping_spelling_is_refused(name: str) -> None:
    with pytest.raises(ColdforgeError, match="unsafe member name"):
        clean_name(name)


@given(depth=st.integers(0, 5), climb=st.integers(0, 8))
def test_a_symlink_may_climb_to_the_root_and_no_higher(depth: int, climb: int) -> None:
    path = "/".join(["d"] * depth + ["link"])
    target = "/".join([".."] * climb + ["x"])
    if climb > depth:
        with pytest.raises(ColdforgeError, match=f"/{path} -> .* points out of the image"):
            check_link(path, target)
    else:
        check_link(path, target)


def test_a_symlink_that_climbs_after_descending_is_measured_as_it_goes() -> None:
    check_link("a/b", "x/../../y")
    with pytest.raises(ColdforgeError, match="points out of the image"):
        check_link("a/b", "x/../../../y/z/z/z")


def test_an_absolute_symlink_stays_in_the_image() -> None:
    check_link("a", "/etc/../../etc/passwd")


def test_only_a_capability_needs_a_record() -> None:
    assert Member("a", "file", 0o644).pax() == {}
    record = Member("a", "file", 0o755, capability=b"\1\0").pax()
    assert record == {"SCHILY.xattr.security.capability": b"\1\0"}
