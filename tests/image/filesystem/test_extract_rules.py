import io
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.extract_rules import place_archives, takes, unversioned
from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import LayerWriter
from coldforge.image.filesystem.tree import Tree, read_tree
from coldforge.stack.recipe import LayerRecipe, Place

NAME = "demo-1.0-py3-none-any.whl"
WheelOf = Callable[..., Path]
Laid = Callable[..., Tree]


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    """Lay archives (files, or a name and a file) out by rules; return the layer."""

    def lay(archives: Iterable[Path], *rules: Place, **recipe: Any) -> Tree:
        place = tmp_path / "layer.tar"
        with place.open("wb") as stream:
            writer = LayerWriter(stream, 1)
            named = [(path.name, path.name, path) for path in archives]
            place_archives(LayerRecipe(summary="", place=list(rules), **recipe), named, writer)
            writer.close()
        return read_tree(place)

    return lay


def files(tree: Tree) -> set[str]:
    return {path for path, node in tree.items() if node.member.kind != "dir"}


def test_what_is_below_the_prefix_goes_where_the_rule_says(laid: Laid, wheel_of: WheelOf) -> None:
    wheel = wheel_of({"demo/cu/lib/libx.so.1": b"x", "demo/cute/y": b"", "demo/cu/z": b"zz"})
    tree = laid([wheel], Place("demo-*.whl", "/opt/cuda", prefix="demo/cu"))
    assert files(tree) == {"opt/cuda/lib/libx.so.1", "opt/cuda/z"}
    assert tree["opt/cuda/z"].member == Member("opt/cuda/z", "file", 0o644, size=2)


def test_a_rule_without_a_prefix_lays_everything_out_even_at_the_root(
    laid: Laid, wheel_of: WheelOf
) -> None:
    tree = laid([wheel_of({"usr/x": b""})], Place(NAME, "/", without=["*.dist-info/*"]))
    assert files(tree) == {"usr/x"}


def test_what_may_run_in_the_archive_may_run_in_the_image(laid: Laid, wheel_of: WheelOf) -> None:
    wheel = wheel_of({"demo/bin/nvcc": b"\x7fELF", "demo/bin/p": b""}, executable=["demo/bin/nvcc"])
    tree = laid([wheel], Place(NAME, "/opt", prefix="demo"))
    assert (tree["opt/bin/nvcc"].member.mode, tree["opt/bin/p"].member.mode) == (0o755, 0o644)


def test_only_and_without_choose_below_the_prefix(laid: Laid, wheel_of: WheelOf) -> None:
    wheel = wheel_of({f"demo/{name}": b"" for name in ("lib/a.so.1", "lib/a.alt.so.1", "inc/a.h")})
    rule = Place(NAME, "/opt", prefix="demo", only=["lib/*"], without=["*.alt.*"])
    assert files(laid([wheel], rule)) == {"opt/lib/a.so.1"}


def test_a_file_goes_where_the_first_rule_that_takes_it_says(laid: Laid, wheel_of: WheelOf) -> None:
    wheel = wheel_of({"demo/a.h": b"", "demo/b": b""})
    rules = [Place(NAME, "/inc", prefix="demo", only=["*.h"]), Place(NAME, "/opt", prefix="demo")]
    assert files(laid([wheel], *rules)) == {"inc/a.h", "opt/b"}


def test_python_sees_no_half_a_package_but_its_licence_stays(laid: Laid, wheel_of: WheelOf) -> None:
    info = "demo-1.0.dist-info"
    wheel = wheel_of({"demo/a": b"", f"{info}/licenses/License.txt": b"terms", f"{info}/x": b""})
    tree = laid([wheel], Place(NAME, "/opt", prefix="demo"))
    assert files(tree) == {"opt/a", "usr/share/doc/demo/License.txt"}


def test_archives_that_no_rule_takes_are_left_alone(laid: Laid, tmp_path: Path) -> None:
    other = tmp_path / "other-1-py3-none-any.whl"
    other.write_bytes(b"not even a zip")
    assert laid([other]) == {}


def test_the_order_of_the_archives_changes_no_byte(
    laid: Laid, wheel_of: WheelOf, tmp_path: Path
) -> None:
    wheels = [wheel_of({f"x/{n}": n.encode()}, name=f"{n}-1-py3-none-any.whl") for n in "abc"]
    rule = Place("*.whl", "/opt", prefix="x")
    bytes_of = []
    for order in (wheels, wheels[::-1]):
        laid(order, rule)
        bytes_of.append((tmp_path / "layer.tar").read_bytes())
    assert bytes_of[0] == bytes_of[1]


def test_libraries_get_the_links_that_linkers_look_for(laid: Laid, wheel_of: WheelOf) -> None:
    wheel = wheel_of({"x/lib/libcublas.so.13": b"", "x/lib/libnvrtc-builtins.so.13.0": b""})
    tree = laid([wheel], Place(NAME, "/opt", prefix="x", unversioned=True))
    assert tree["opt/lib/libcublas.so"].member.link == "libcublas.so.13"
    assert tree["opt/lib/libnvrtc-builtins.so"].member.link == "libnvrtc-builtins.so.13.0"
    assert laid([wheel], Place(NAME, "/opt", prefix="x")).keys() & {"opt/lib/libcublas.so"} == set()


def test_links_and_texts_of_the_recipe_are_written(laid: Laid) -> None:
    tree = laid([], links={"/usr/local/cuda": "cuda-13.0"}, text={"/etc/x.conf": "über\n"})
    assert tree["usr/local/cuda"].member == Member(
        "usr/local/cuda", "symlink", 0o777, link="cuda-13.0"
    )
    assert (tree["etc/x.conf"].member.size, tree["etc/x.conf"].member.mode) == (6, 0o644)


@pytest.mark.parametrize("rule", [Place("other-*.whl", "/opt"), Place(NAME, "/opt", prefix="nix")])
def test_a_rule_that_takes_nothing_is_named(laid: Laid, wheel_of: WheelOf, rule: Place) -> None:
    with pytest.raises(ColdforgeError, match="takes nothing") as caught:
        laid([wheel_of({"demo/a": b""})], rule)
    assert rule.input in caught.value.message
    assert caught.value.hint


def test_two_archives_that_write_one_path_are_refused_by_name(
    laid: Laid, wheel_of: WheelOf
) -> None:
    wheels = [wheel_of({"x/same": b""}, name=f"{name}-1-py3-none-any.whl") for name in "ab"]
    with pytest.raises(ColdforgeError, match=r"^b-1.*both write /opt/same"):
        laid(wheels, Place("*.whl", "/opt", prefix="x"))


def test_a_damaged_archive_is_named(laid: Laid, wheel_of: WheelOf) -> None:
    wheel = wheel_of({"x/a": bytes(range(256)) * 99})
    data = bytearray(wheel.read_bytes())
    data[60] ^= 0xFF
    wheel.write_bytes(data)
    with pytest.raises(ColdforgeError, match=f"{NAME} is damaged"):
        laid([wheel], Place(NAME, "/opt", prefix="x"))


def test_a_hard_link_follows_its_file_and_is_refused_without_it(laid: Laid, tmp_path: Path) -> None:
    path = tmp_path / "demo.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("d/lib/a")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"a"))
        info = tarfile.TarInfo("d/bin/b")
        info.type, info.linkname = tarfile.LNKTYPE, "d/lib/a"
        archive.addfile(info)
    tree = laid([path], Place(path.name, "/opt", prefix="d"))
    assert tree["opt/bin/b"].sha256 == tree["opt/lib/a"].sha256 != ""
    with pytest.raises(ColdforgeError, match="d/bin/b is a hard link to d/lib/a"):
        laid([path], Place(path.name, "/opt", prefix="d", only=["bin/*"]))


def test_a_rule_takes_archives_by_name() -> None:
    recipe = LayerRecipe(summary="", place=[Place("nvidia_*.whl", "/x"), Place("tensorrt", "/y")])
    names = ("nvidia_cublas-1-py3.whl", "tensorrt", "numpy-2-py3.whl")
    assert [takes(recipe, name) for name in names] == [True, True, False]


def test_of_several_versions_the_link_leads_to_the_shortest() -> None:
    libraries = {"l/libx.so.10.13.3", "l/libx.so.10", "l/libx.a", "l/liby.so", "m/libx.so.2.1"}
    assert unversioned(libraries) == {"l/libx.so": "libx.so.10", "m/libx.so": "libx.so.2.1"}


def test_a_link_the_archive_brings_is_not_made_again() -> None:
    assert unversioned({"l/libx.so.1", "l/libx.so"}, {"l/libx.so.1", "l/libx.so"}) == {}


@given(st.sets(st.from_regex(r"(a\.b/)?lib[a-c.]{1,3}\.so(\.[0-9]{1,2}){0,3}", fullmatch=True)))
def test_every_link_leads_to_a_library_beside_it(libraries: set[str]) -> None:
    for path, target in unversioned(libraries, libraries).items():
        assert path.endswith(".so")
        assert path not in libraries
        assert f"{path.rpartition('/')[0]}/{target}".lstrip("/") in libraries
        assert target.startswith(path.rpartition("/")[2] + ".")
