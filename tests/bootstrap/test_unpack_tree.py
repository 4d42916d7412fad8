import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from coldforge.bootstrap.unpack import Tree, resolve_link
from coldforge.errors import RefusedError

NAMES = some.text("ab./\0\\", max_size=8)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "tree", "it")


def put(tree: Tree, path: str, data: bytes = b"x") -> None:
    tree.file(path, io.BytesIO(data), False)


def test_files_folders_and_links_are_made(tree: Tree) -> None:
    put(tree, "./a/b/file")
    tree.file("a/run", io.BytesIO(b"x"), True)
    tree.folder("c/d/")
    tree.link("c/d/link", "a/b/file")
    tree.hard_link("a/again", "a/b/file")
    root = tree.root
    assert (root / "c/d/link").read_bytes() == b"x"
    assert (root / "c/d/link").readlink() == Path("../../a/b/file")
    assert (root / "a/again").samefile(root / "a/b/file")
    assert (root / "a/run").stat().st_mode & 0o100
    assert not (root / "a/b/file").stat().st_mode & 0o111


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "a/..", "a\0b", "", ".", "/"])
def test_a_path_that_leads_out_is_refused(tree: Tree, path: str) -> None:
    with pytest.raises(RefusedError, match=r"^it: "):
        put(tree, path)
    assert list(tree.root.iterdir()) == []


@pytest.mark.parametrize("target", ["/etc/passwd", "../x", "a/../../x"])
def test_a_link_that_leads_out_is_refused(tree: Tree, target: str) -> None:
    with pytest.raises(RefusedError, match="leads out"):
        tree.link("link", target)
    with pytest.raises(RefusedError, match="leads out"):
        tree.hard_link("link", target)


def test_nothing_is_written_through_a_link(tree: Tree) -> None:
    tree.folder("real")
    tree.link("link", "real")
    with pytest.raises(RefusedError, match="leads through a link"):
        put(tree, "link/file")
    with pytest.raises(RefusedError, match="leads through a link"):
        tree.folder("link")
    assert list((tree.root / "real").iterdir()) == []


def test_a_hard_link_to_a_link_is_refused(tree: Tree) -> None:
    tree.link("link", "elsewhere")
    with pytest.raises(RefusedError, match="is a hard link to something that is not a file"):
        tree.hard_link("more", "link")


def test_the_first_to_write_a_path_wins(tree: Tree) -> None:
    put(tree, "file", b"first")
    put(tree, "file", b"second")
    tree.link("file", "other")
    assert (tree.root / "file").read_bytes() == b"first"


def test_a_file_does_not_take_the_place_of_a_folder(tree: Tree) -> None:
    tree.folder("a")
    with pytest.raises(RefusedError, match="exists as a folder"):
        put(tree, "a")


@given(some.lists(some.tuples(some.sampled_from("fdlh"), NAMES, NAMES), max_size=8))
def test_nothing_whatever_gets_out(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str]]
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    tree = Tree(outside / "tree", "it")
    for kind, path, target in steps:
        try:
            if kind == "f":
                put(tree, path)
            elif kind == "d":
                tree.folder(path)
            elif kind == "l":
                tree.link(path, resolve_link(path, target))
            else:
                tree.hard_link(path, target)
        except RefusedError as error:
            assert error.message.isprintable()
    assert list(outside.iterdir()) == [tree.root]
    for path in tree.root.rglob("*"):
        assert Path(os.path.realpath(path)).is_relative_to(os.path.realpath(tree.root))


@pytest.mark.parametrize(
    ("path", "target", "found"),
    [
        ("a/b", "c", "a/c"),
        ("a/b", "../c", "c"),
        ("a/b", "/c/d", "c/d"),
        ("a/b", "../../c", "../c"),
        ("b", ".", "."),
    ],
)
def test_a_target_is_followed_from_where_its_link_lies(path: str, target: str, found: str) -> None:
    assert resolve_link(path, target) == found
