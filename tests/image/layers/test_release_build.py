import io
import tarfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from coldforge.errors import MissingInputError
from coldforge.image.layers import release_build
from coldforge.image.layers.context import BuildContext
from coldforge.image.layers.release_build import (
    BuildEnvironment,
    cache_environment,
    check_pointers,
    command,
    large_files,
)
from coldforge.stack.profile import Compile
from tests.image.conftest import published

BUILD = Compile(
    command=["python3", "build.py", "-a", "{architectures}", "-D", "X={other}"],
    jobs=["-j", "{jobs}"],
    ccache=["--use_ccache"],
)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 4\n" % (b"a" * 64)


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    """A source tree that holds a pointer in a library's place."""
    place = tmp_path / "source.tar"
    with tarfile.open(place, "w") as archive:
        info = tarfile.TarInfo("cpp/lib/libbatch.a")
        info.size = len(POINTER)
        archive.addfile(info, io.BytesIO(POINTER))
    return place


def test_the_script_gets_its_arguments_with_the_blanks_filled() -> None:
    words = command(BUILD, ["80-real", "89-real"], 3, cached=True)
    assert words == [
        *("python3", "build.py", "-a", "80-real;89-real", "-D", "X={other}"),
        *("-j", "3", "--use_ccache"),
    ]


def test_without_a_compiler_cache_the_script_is_not_told_of_one() -> None:
    assert "--use_ccache" not in command(BUILD, ["80-real"], 1, cached=False)


def test_a_pointer_where_a_library_is_linked_is_refused_by_name(tar: Path) -> None:
    with pytest.raises(
        MissingInputError, match=r"cpp/lib/libbatch\.a is a Git LFS pointer"
    ) as found:
        check_pointers("demo", ["cpp/lib/libbatch.a"], tar, {})
    assert "mirror.add --stack demo" in found.value.hint


def test_a_pointer_that_nothing_links_is_let_be(tar: Path) -> None:
    check_pointers("demo", [], tar, {})


def test_the_large_file_over_its_pointer_is_what_counts(tar: Path, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"!<ar")
    large = {"cpp/lib/libbatch.a": tmp_path / "large"}
    check_pointers("demo", ["cpp/lib/libbatch.a"], tar, large)
    (tmp_path / "large").write_bytes(POINTER)
    with pytest.raises(MissingInputError, match="not the file itself"):
        check_pointers("demo", ["cpp/lib/libbatch.a"], tar, large)


def test_other_layers_or_another_environment_miss_the_compiler_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layers = {"one": ["sha256:1"], "two": ["sha256:2"]}
    monkeypatch.setattr(release_build, "diff_ids", lambda _, image: layers[image])
    client: Any = SimpleNamespace()

    def check(image: str, **env: str) -> str:
        return cache_environment(BuildEnvironment(client, image, {}), env)["CCACHE_COMPILERCHECK"]

    assert check("one", A="1") == check("one", A="1")
    assert len({check("one", A="1"), check("two", A="1"), check("one", A="2")}) == 3


def test_what_the_mirror_happens_to_hold_beside_what_is_linked_stays_out(
    context: BuildContext,
) -> None:
    held = [
        published(context.space, "wheel/batch", "lfs", name, f"github:o/n@{'0' * 40}/{name}")
        for name in ("here.a", "other.a")
    ]
    lock = msgspec.structs.replace(context.lock, entries=held)
    found = large_files(replace(context, lock=lock), "wheel/batch", ["here.a", "absent.a"])
    assert list(found) == ["here.a"]


def test_a_linked_file_that_the_mirror_lacks_or_holds_in_another_size_is_left_out(
    context: BuildContext,
) -> None:
    path = f"github:o/n@{'0' * 40}/here.a"
    here = published(context.space, "wheel/batch", "lfs", "here.a", path)
    absent = msgspec.structs.replace(here, name="absent.a", sha256="0" * 64)
    longer = msgspec.structs.replace(here, name="longer.a", size=here.size + 1)
    lock = msgspec.structs.replace(context.lock, entries=[here, absent, longer])
    found = large_files(
        replace(context, lock=lock), "wheel/batch", ["here.a", "absent.a", "longer.a"]
    )
    assert list(found) == ["here.a"]
