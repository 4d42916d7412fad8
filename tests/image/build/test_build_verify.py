from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from coldforge.image.build.build import compare
from coldforge.image.filesystem.member import Member

TarOf = Callable[[Iterable[tuple[Member, bytes]]], Path]


def file(path: str, content: bytes = b"", mode: int = 0o644) -> tuple[Member, bytes]:
    return Member(path, "file", mode, size=len(content)), content


def test_a_path_in_one_build_only_is_named(tar_of: TarOf) -> None:
    first, second = tar_of([file("a"), file("b")]), tar_of([file("b"), file("c")])
    assert compare(first, second) == [
        "/a: only in the first build",
        "/c: only in the second build",
    ]


@pytest.mark.parametrize("place", [0, 1, 65_535, 65_536, 199_999])
def test_the_first_differing_byte_is_named(tar_of: TarOf, place: int) -> None:
    content = bytearray(200_000)
    first = tar_of([file("usr/lib/x", bytes(content))])
    content[place] = 1
    content[-1] = 1
    second = tar_of([file("before", b"x" * 5000), file("usr/lib/x", bytes(content))])
    assert f"/usr/lib/x: content differs from byte {place}" in compare(first, second)


def test_a_longer_file_differs_from_where_the_shorter_ends(tar_of: TarOf) -> None:
    (line,) = compare(tar_of([file("a", b"same")]), tar_of([file("a", b"same and more")]))
    assert line == "/a: size 4 became 13, content differs from byte 4"


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (Member("a", "file", 0o4755, size=1), "mode 644 became 4755"),
        (Member("a", "file", 0o644, 5, 0, 1), "uid 0 became 5"),
        (Member("a", "file", 0o644, 0, 5, 1), "gid 0 became 5"),
        (Member("a", "file", 0o644, size=1, capability=b"c"), "capability b'' became b'c'"),
    ],
)
def test_the_aspect_that_differs_is_named(tar_of: TarOf, member: Member, said: str) -> None:
    assert compare(tar_of([file("a", b"x")]), tar_of([(member, b"x")])) == [f"/a: {said}"]


def test_a_link_that_leads_elsewhere_is_named(tar_of: TarOf) -> None:
    links = [tar_of([(Member("a", "symlink", 0o777, link=to), b"")]) for to in ("b", "c")]
    assert compare(*links) == ["/a: link 'b' became 'c'"]


def test_a_change_of_kind_is_named(tar_of: TarOf) -> None:
    (line,) = compare(tar_of([file("a")]), tar_of([(Member("a", "dir", 0o644), b"")]))
    assert line.startswith("/a: kind 'file' became 'dir'")


def test_another_order_is_named(tar_of: TarOf) -> None:
    lines = compare(tar_of([file("a"), file("b")]), tar_of([file("b"), file("a")]))
    assert lines == ["the same members in another order"]


def test_headers_that_alone_differ_are_named(tar_of: TarOf) -> None:
    copy = tar_of([file("a", b"x"), file("b", b"x")])
    link = tar_of([file("a", b"x"), (Member("b", "hardlink", 0o644, link="a"), b"")])
    assert compare(copy, link) == ["the same members; their headers differ"]
