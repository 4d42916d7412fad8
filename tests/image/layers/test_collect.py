import io
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import docker.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import LayerWriter
from coldforge.image.filesystem.tree import Tree, read_tree, union
from coldforge.image.layers.collect import collect, exported

Content = list[tuple[Member, bytes]]
TarOf = Callable[[Iterable[tuple[Member, bytes]]], Path]
Seen = dict[str, tuple[Member, str]]

ROOT = ["/"]


def folder(path: str, mode: int = 0o755, uid: int = 0) -> tuple[Member, bytes]:
    return Member(path, "dir", mode, uid, uid), b""


def file(path: str, content: bytes = b"") -> tuple[Member, bytes]:
    return Member(path, "file", 0o644, size=len(content)), content


def link(path: str, target: str) -> tuple[Member, bytes]:
    return Member(path, "symlink", 0o777, link=target), b""


def collected(after: Path, below: Tree, outputs: list[str], out: Path) -> Tree:
    """Collect a tar as if an engine had exported it, in odd chunks."""
    data = after.read_bytes()
    with out.open("wb") as stream:
        writer = LayerWriter(stream, 1)
        chunks = (data[at : at + 777] for at in range(0, len(data), 777))
        collect([("", chunks)], below, outputs, writer, out.parent)
        writer.close()
    return read_tree(out)


@pytest.fixture
def layer(tar_of: TarOf, tmp_path: Path) -> Callable[..., Tree]:
    def make(before: Content, after: Content, outputs: list[str] = ROOT) -> Tree:
        below = read_tree(tar_of(before))
        return collected(tar_of(after), below, outputs, tmp_path / "out.tar")

    return make


def test_what_did_not_change_is_not_in_the_layer(layer: Callable[..., Tree]) -> None:
    same = [folder("etc"), file("etc/a", b"a"), link("b", "etc/a")]
    assert layer(same, same) == {}


def test_a_file_rewritten_at_the_same_size_and_time_is_found(layer: Callable[..., Tree]) -> None:
    assert list(layer([file("a", b"one")], [file("a", b"two")])) == ["a"]


@pytest.mark.parametrize(
    "member",
    [
        Member("a", "file", 0o600, size=1),
        Member("a", "file", 0o644, 5, 0, 1),
        Member("a", "file", 0o644, 0, 5, 1),
        Member("a", "file", 0o644, 0, 0, 1, capability=b"c"),
    ],
)
def test_a_change_of_mode_owner_or_capability_is_found(
    layer: Callable[..., Tree], member: Member
) -> None:
    assert layer([file("a", b"x")], [(member, b"x")])["a"].member == member


def test_a_removed_folder_becomes_one_whiteout(layer: Callable[..., Tree]) -> None:
    before = [folder("d"), folder("d/a"), file("d/a-b"), file("d/a/x"), file("d/z")]
    assert list(layer(before, [folder("d"), file("d/z")])) == ["d", "d/.wh.a", "d/.wh.a-b"]


def test_a_whiteout_is_empty_and_at_the_top_it_has_no_parent(layer: Callable[..., Tree]) -> None:
    found = layer([file("a", b"x")], [])
    assert [node.member for node in found.values()] == [Member(".wh.a", "file", 0o644)]


def test_parents_keep_mode_and_owner_where_something_was_added(
    layer: Callable[..., Tree],
) -> None:
    home = [folder("home", 0o711), folder("home/me", 0o2750, 1000)]
    found = layer(home, [*home, file("home/me/new")])
    assert found["home"].member == home[0][0]
    assert found["home/me"].member == home[1][0]


def test_parents_keep_mode_and_owner_where_something_was_removed(
    layer: Callable[..., Tree],
) -> None:
    home = [folder("home", 0o711), folder("home/me", 0o2750, 1000)]
    found = layer([*home, file("home/me/old")], home)
    assert found["home/me"].member == home[1][0]
    assert list(found) == ["home", "home/me", "home/me/.wh.old"]


def test_parents_of_declared_outputs_keep_mode_and_owner(layer: Callable[..., Tree]) -> None:
    home = [folder("home", 0o711), folder("home/me", 0o2750, 1000)]
    found = layer(home, [*home, file("home/me/new")], ["/home/me/new"])
    assert found["home/me"].member == home[1][0]


def test_an_undeclared_change_of_a_parent_is_not_kept(layer: Callable[..., Tree]) -> None:
    found = layer([folder("opt", 0o750)], [folder("opt", 0o777), file("opt/x")], ["/opt/x"])
    assert found["opt"].member.mode == 0o750


def test_a_new_parent_of_a_declared_output_is_as_the_script_made_it(
    layer: Callable[..., Tree],
) -> None:
    found = layer([], [folder("opt", 0o750, 7), file("opt/x")], ["/opt/x"])
    assert found["opt"].member == folder("opt", 0o750, 7)[0]


def test_only_declared_outputs_are_kept(layer: Callable[..., Tree]) -> None:
    before = [folder("etc"), file("etc/old", b"1"), folder("opt"), folder("opt/a"), file("opt/a/z")]
    after = [folder("etc"), file("etc/new", b"1"), folder("opt"), folder("opt/a"),
             file("opt/a/x"), file("opt/ab"), file("other")]  # fmt: skip
    found = layer(before, after, ["/opt/a/", "/other"])
    assert set(found) == {"opt", "opt/a", "opt/a/x", "opt/a/.wh.z", "other"}


def test_what_is_never_kept_is_not_there_even_if_declared(layer: Callable[..., Tree]) -> None:
    after = [file("etc/hostname", b"x"), file("tmp/x"), file("usr/lib/m/__pycache__/a.pyc"),
             file("coldforge/in/build.sh"), file("root/.bash_history"), file("kept")]  # fmt: skip
    parents = [folder(name) for name in ("etc", "tmp", "usr", "usr/lib", "usr/lib/m", "root")]
    found = layer(parents, parents + after, ["/", "/tmp/x"])
    assert list(found) == ["kept"]


def test_what_is_never_kept_is_not_removed_from_a_layer_below(layer: Callable[..., Tree]) -> None:
    below = [folder("root"), file("root/.profile"), folder("run"), file("run/x")]
    assert layer(below, [folder("root"), folder("run")]) == {}


@pytest.mark.parametrize("new", [file("a", b"x"), link("a", "b")])
def test_a_folder_may_become_something_else(
    layer: Callable[..., Tree], new: tuple[Member, bytes]
) -> None:
    found = layer([folder("a"), file("a/x"), folder("a/y"), file("a/y/z")], [new])
    assert [node.member for node in found.values()] == [new[0]]


@pytest.mark.parametrize("old", [file("a", b"x"), link("a", "b")])
def test_something_may_become_a_folder(
    layer: Callable[..., Tree], old: tuple[Member, bytes]
) -> None:
    assert list(layer([old], [folder("a"), file("a/x")])) == ["a", "a/x"]


def test_hard_links_are_written_as_copies_in_order(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "export.tar", "w") as archive:
        first = tarfile.TarInfo("z")
        first.size = 3
        archive.addfile(first, io.BytesIO(b"abc"))
        again = tarfile.TarInfo("a")
        again.type, again.linkname = tarfile.LNKTYPE, "z"
        archive.addfile(again)
    found = collected(tmp_path / "export.tar", {}, ROOT, tmp_path / "out.tar")
    assert [(node.member.path, node.member.kind) for node in found.values()] == [
        ("a", "file"),
        ("z", "file"),
    ]
    assert found["a"].sha256 == found["z"].sha256
    with tarfile.open(tmp_path / "out.tar") as layer:
        contents = [layer.extractfile(info).read() for info in layer]  # type: ignore[union-attr]
    assert contents == [b"abc", b"abc"]


def test_nothing_is_left_in_the_scratch_folder(layer: Callable[..., Tree], tmp_path: Path) -> None:
    layer([], [file("a")])
    assert not list(tmp_path.glob("*.export"))


# Few names that sort around "/" differently, so that drawn trees collide and nest.
parts = st.sampled_from(["a", "a-b", "a.b", "ab", "é"])
leaves = st.one_of(
    st.builds(lambda data: ("file", data), st.binary(max_size=3)),
    st.builds(lambda target: ("symlink", target.encode()), parts),
    st.just(("dir", b"")),
)
trees = st.dictionaries(
    st.lists(parts, min_size=1, max_size=3).map("/".join),
    st.tuples(leaves, st.sampled_from([0o644, 0o755]), st.sampled_from([0, 7])),
    max_size=8,
)


def content(drawn: dict[str, tuple[tuple[str, bytes], int, int]]) -> Content:
    """Make a drawn tree whole: folders above every path, in order."""
    whole: dict[str, tuple[Member, bytes]] = {}
    for path, ((kind, data), mode, uid) in sorted(drawn.items()):
        above = ["/".join(path.split("/")[:depth]) for depth in range(1, path.count("/") + 1)]
        if any(parent in whole and whole[parent][0].kind != "dir" for parent in above):
            continue
        for parent in above:
            whole.setdefault(parent, folder(parent))
        member = Member(path, kind, mode, uid, uid)  # type: ignore[arg-type]
        if kind == "symlink":
            whole[path] = replace(member, mode=0o777, link=data.decode()), b""
        else:
            whole[path] = replace(member, size=len(data)), data
    return [whole[path] for path in sorted(whole)]


def tar(place: Path, members: Content) -> Path:
    with place.open("wb") as stream:
        writer = LayerWriter(stream, 1)
        for member, data in members:
            writer.add(member, io.BytesIO(data))
        writer.close()
    return place


def seen(tree: Tree) -> Seen:
    return {path: (node.member, node.sha256) for path, node in tree.items()}


def applied(layer: Tree, below: Tree) -> Seen:
    """Apply a layer the way the OCI image specification words it: removals first."""
    result = seen(below)

    def remove(path: str) -> None:
        for name in [name for name in result if name == path or name.startswith(path + "/")]:
            del result[name]

    for path in layer:
        parent, _, name = path.rpartition("/")
        if name.startswith(".wh."):
            remove(f"{parent}/{name[4:]}".lstrip("/"))
    for path, node in layer.items():
        if path.rpartition("/")[2].startswith(".wh."):
            continue
        if node.member.kind != "dir" or (path in result and result[path][0].kind != "dir"):
            remove(path)
        result[path] = (node.member, node.sha256)
    return result


@given(before=trees, after=trees)
def test_a_layer_turns_before_into_after(
    before: dict[str, tuple[tuple[str, bytes], int, int]],
    after: dict[str, tuple[tuple[str, bytes], int, int]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        below = read_tree(tar(place / "before.tar", content(before)))
        wanted = tar(place / "after.tar", content(after))
        layer = collected(wanted, below, ROOT, place / "layer.tar")
        assert applied(layer, below) == seen(read_tree(wanted))
        assert seen(union([below, layer])) == seen(read_tree(wanted))


@given(before=trees, after=trees, output=parts)
def test_outside_the_declared_outputs_a_layer_changes_nothing(
    before: dict[str, tuple[tuple[str, bytes], int, int]],
    after: dict[str, tuple[tuple[str, bytes], int, int]],
    output: str,
) -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        below = read_tree(tar(place / "before.tar", content(before)))
        wanted = tar(place / "after.tar", content(after))
        found = applied(collected(wanted, below, [f"/{output}"], place / "layer.tar"), below)

        def inside(tree: Seen) -> Seen:
            return {p: v for p, v in tree.items() if p == output or p.startswith(output + "/")}

        assert inside(found) == inside(seen(read_tree(wanted)))
        rest = {path: found[path] for path in found.keys() - inside(found).keys()}
        assert rest.items() <= seen(below).items()
        assert rest.keys() == seen(below).keys() - inside(seen(below)).keys()


class Stopped:
    """A stopped container whose paths are tars, as the engine's archive call gives them."""

    def __init__(self, **paths: bytes) -> None:
        self.paths = {f"/{name.replace('_', '/')}": data for name, data in paths.items()}
        self.asked: list[str] = []

    def export(self, chunk_size: int) -> list[bytes]:
        assert chunk_size
        self.asked.append("everything")
        return [b"root"]

    def get_archive(self, path: str, chunk_size: int) -> tuple[list[bytes], dict[str, str]]:
        assert chunk_size
        self.asked.append(path)
        if path not in self.paths:
            raise docker.errors.NotFound(path)
        return [self.paths[path]], {}


def test_of_narrow_outputs_only_these_are_exported(tar_of: TarOf, tmp_path: Path) -> None:
    below = read_tree(tar_of([folder("etc", 0o750), file("etc/gone"), file("opt/a", b"a")]))
    cache = tar_of([file("cache", b"new")]).read_bytes()
    stubs = tar_of([folder("d", 0o700), file("d/a", b"a"), link("d/b", "a")]).read_bytes()
    container = Stopped(etc_cache=cache, opt_d=stubs)
    outputs = ["/opt/d", "/etc/cache", "/etc/gone"]
    found = exported(container, outputs, below)  # type: ignore[arg-type]
    with (tmp_path / "out.tar").open("wb") as stream:
        writer = LayerWriter(stream, 1)
        collect(found, below, outputs, writer, tmp_path)
        writer.close()
    layer = read_tree(tmp_path / "out.tar")
    assert container.asked == ["/etc/cache", "/etc/gone", "/opt/d"]
    assert set(layer) == {
        "etc", "etc/.wh.gone", "etc/cache", "opt", "opt/d", "opt/d/a", "opt/d/b",
    }  # fmt: skip
    assert (layer["etc"].member.mode, layer["opt/d"].member.mode) == (0o750, 0o700)
    assert layer["etc/cache"].member.size == 3


@pytest.mark.parametrize("outputs", [["/"], ["/etc/x", "/new/folder"]])
def test_the_root_is_exported_where_an_output_could_be_anywhere(
    tar_of: TarOf, outputs: list[str]
) -> None:
    container = Stopped()
    below = read_tree(tar_of([folder("etc")]))
    assert list(exported(container, outputs, below)) == [("", [b"root"])]  # type: ignore[arg-type]
    assert container.asked == ["everything"]
