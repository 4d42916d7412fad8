import io
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tree import Node, Tree, changes, read_members, read_tree, union

TarOf = Callable[[Iterable[tuple[Member, bytes]]], Path]


def file(path: str, content: str = "", mode: int = 0o644) -> tuple[str, Node]:
    return path, Node(Member(path, "file", mode, size=len(content)), content)


def folder(path: str, mode: int = 0o755) -> tuple[str, Node]:
    return path, Node(Member(path, "dir", mode))


def link(path: str, target: str) -> tuple[str, Node]:
    return path, Node(Member(path, "symlink", 0o777, link=target))


def tree(*nodes: tuple[str, Node]) -> Tree:
    return dict(nodes)


def test_a_tar_is_read_as_paths_and_digests(tar_of: TarOf) -> None:
    members = [
        (Member("etc", "dir", 0o755), b""),
        (Member("etc/x", "file", 0o600, 1, 2, 3), b"abc"),
        (Member("y", "symlink", 0o777, link="etc/x"), b""),
    ]
    found = read_tree(tar_of(members))
    assert [node.member for node in found.values()] == [member for member, _ in members]
    assert found["etc/x"].sha256.startswith("ba7816bf")


def test_the_offset_leads_to_the_content(tar_of: TarOf) -> None:
    place = tar_of([(Member("d" * 150, "file", 0o644, size=3), b"abc")])
    (node,) = read_tree(place).values()
    assert place.read_bytes()[node.offset :][:3] == b"abc"


@pytest.mark.parametrize("kind", ["file", "symlink"])
def test_a_hard_link_becomes_a_copy_of_what_it_links(tar_of: TarOf, kind: str) -> None:
    first = Member("a", kind, 0o4755, 5, 6, 3 if kind == "file" else 0, "b", b"cap")  # type: ignore[arg-type]
    if kind == "file":
        first = Member("a", "file", 0o4755, 5, 6, 3, "", b"cap")
    else:
        first = Member("a", "symlink", 0o777, 5, 6, 0, "b")
    found = read_tree(tar_of([(first, b"abc"), (Member("z", "hardlink", 0o644, link="a"), b"")]))
    copy = found["z"].member
    assert (copy.kind, copy.mode, copy.uid, copy.gid, copy.size, copy.link, copy.capability) == (
        first.kind, first.mode, 5, 6, first.size, first.link, first.capability,
    )  # fmt: skip
    assert (found["z"].sha256, found["z"].offset) == (found["a"].sha256, found["a"].offset)


def exported(path: Path, *entries: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as archive:
        for info in entries:
            archive.addfile(info, io.BytesIO())
    return path


def special(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    return info


def test_the_engine_s_devices_are_passed_over(tmp_path: Path) -> None:
    entries = [special("dev/", tarfile.DIRTYPE), special("dev/console", tarfile.CHRTYPE)]
    assert list(read_tree(exported(tmp_path / "x.tar", *entries))) == ["dev"]


def test_a_pipe_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="/opt/pipe is a device or pipe"):
        read_tree(exported(tmp_path / "x.tar", special("opt/pipe", tarfile.FIFOTYPE)))


def test_a_sparse_file_is_refused(tmp_path: Path) -> None:
    info = special("x", tarfile.GNUTYPE_SPARSE)
    with pytest.raises(ColdforgeError, match="/x is a sparse file"):
        read_tree(exported(tmp_path / "x.tar", info))


def test_a_hard_link_to_nothing_is_refused(tmp_path: Path) -> None:
    info = special("x", tarfile.LNKTYPE)
    info.linkname = "gone"
    with pytest.raises(ColdforgeError, match="hard link /x -> /gone points to no file"):
        read_tree(exported(tmp_path / "x.tar", info))


def test_contents_can_be_passed_over(tar_of: TarOf) -> None:
    place = tar_of([(Member("a", "file", 0o644, size=3), b"abc")])
    with place.open("rb") as raw:
        (node,) = read_members(raw, hashing=False).values()
    assert node.sha256 == ""
    assert place.read_bytes()[node.offset :][:3] == b"abc"


def test_a_later_layer_wins() -> None:
    merged = union([tree(file("a", "1"), file("b", "2")), tree(file("a", "3"))])
    assert {path: node.sha256 for path, node in merged.items()} == {"a": "3", "b": "2"}


def test_a_whiteout_removes_a_path_and_what_is_below_and_nothing_else() -> None:
    below = tree(folder("a"), file("a/x"), folder("a/b"), file("a/b/y"), file("a.c"), file("ab"))
    assert list(union([below, tree(file(".wh.a"))])) == ["a.c", "ab"]
    assert "a/b/y" not in union([below, tree(folder("a"), file("a/.wh.b"))])
    assert "a/x" in union([below, tree(folder("a"), file("a/.wh.b"))])


def test_a_whiteout_does_not_outlive_its_layer() -> None:
    merged = union([tree(file("a", "1")), tree(file(".wh.a")), tree(file("a", "2"))])
    assert list(merged) == ["a"]
    assert merged["a"].sha256 == "2"


def test_a_whiteout_spares_its_own_layer_wherever_it_stands() -> None:
    below = tree(file("a", "1"), folder("d"), file("d/x", "1"))
    again = tree(file("a", "2"), file(".wh.a"), folder("d"), file("d/y"), file("d/.wh..wh..opq"))
    merged = union([below, again])
    assert merged["a"].sha256 == "2"
    assert set(merged) == {"a", "d", "d/y"}


def test_an_opaque_folder_shows_nothing_of_the_layers_below_and_stays() -> None:
    below = tree(folder("d", 0o700), file("d/x"), folder("d/e"), file("d/e/y"), file("d.x"))
    merged = union([below, tree(file("d/.wh..wh..opq"))])
    assert set(merged) == {"d", "d.x"}
    assert merged["d"].member.mode == 0o700
    assert union([below, tree(file(".wh..wh..opq"), file("n"))]).keys() == {"n"}


def test_a_folder_only_its_content_tells_of_is_removed_with_it() -> None:
    assert union([tree(file("d/x"), file("dx")), tree(file(".wh.d"))]).keys() == {"dx"}


@pytest.mark.parametrize("after", [file("a"), link("a", "b")])
def test_a_folder_that_becomes_something_else_takes_its_content_along(
    after: tuple[str, Node],
) -> None:
    merged = union([tree(folder("a"), file("a/x"), file("a-b")), tree(after)])
    assert set(merged) == {"a", "a-b"}
    assert merged["a"] == after[1]


@pytest.mark.parametrize("before", [file("a"), link("a", "b")])
def test_something_may_become_a_folder(before: tuple[str, Node]) -> None:
    merged = union([tree(before), tree(folder("a", 0o700), file("a/x"))])
    assert merged["a"].member.mode == 0o700
    assert "a/x" in merged


def test_a_folder_that_comes_again_keeps_its_content() -> None:
    merged = union([tree(folder("a"), file("a/x")), tree(folder("a", 0o700))])
    assert set(merged) == {"a", "a/x"}
    assert merged["a"].member.mode == 0o700


def test_changes_are_what_is_new_or_other() -> None:
    before = tree(folder("d"), file("d/same", "1"), file("d/text", "1"), file("d/mode", "1"))
    after = tree(
        folder("d"), file("d/same", "1"), file("d/text", "2"), file("d/mode", "1", 0o600), file("n")
    )
    changed, gone = changes(before, after)
    assert [node.member.path for node in changed] == ["d/mode", "d/text", "n"]
    assert gone == []


def test_where_content_lies_in_a_tar_is_no_change() -> None:
    member = Member("a", "file", 0o644, size=1)
    assert changes({"a": Node(member, "x", 512)}, {"a": Node(member, "x", 1024)}) == ([], [])


def test_only_the_topmost_path_gone_is_named() -> None:
    before = tree(folder("a"), file("a-b"), file("a/b"), folder("a/c"), file("a/c/d"), file("e"))
    assert changes(before, tree(file("e"))) == ([], ["a", "a-b"])


@pytest.mark.parametrize("after", [file("a"), link("a", "e")])
def test_what_lay_in_a_folder_that_is_none_any_more_needs_no_naming(
    after: tuple[str, Node],
) -> None:
    before = tree(folder("a"), file("a/b"), folder("a/c"), file("a/c/d"))
    assert changes(before, tree(after)) == ([after[1]], [])
