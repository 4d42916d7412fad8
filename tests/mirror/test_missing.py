import hashlib
from pathlib import Path

import msgspec
import pytest

from coldforge.errors import ColdforgeError
from coldforge.mirror.add import add
from coldforge.mirror.missing import (
    FileToBring,
    all_files_to_bring,
    carried_inputs,
    entries_read,
    screen,
)
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, read_lock
from coldforge.stack.stack import read_stack
from tests.mirror.handmade import NAME, VERSION, checkout, tensorrt


def absent(space: Workspace, name: str) -> list[FileToBring]:
    store = Store(space.mirror / "blobs")
    return all_files_to_bring(read_stack(space, name), read_lock(space.lock(name)), store)


def test_what_was_never_brought_is_lacking(workspace: Workspace) -> None:
    found = absent(checkout(workspace), "top")
    assert [item.name for item in found] == ["cuda", "cudnn", "polygraphy", "tensorrt"]
    tensorrt_file = found[-1]
    assert (tensorrt_file.stack, tensorrt_file.use) == ("top", "libraries")
    assert tensorrt_file.files == [NAME.format(version=v) for v in ("9.0.1.4", "9.1.0.4")]
    assert (tensorrt_file.sha256, tensorrt_file.size) == ("", 0)


def test_what_was_brought_is_not_lacking_until_its_blob_goes(
    workspace: Workspace, tmp_path: Path
) -> None:
    space = checkout(workspace, ["tensorrt"])
    added = add(space, "top", tensorrt(tmp_path))
    assert absent(space, "top") == []
    Store(space.mirror / "blobs").path(added.sha256).unlink()
    (item,) = absent(space, "top")
    assert (item.files, item.sha256, item.size) == ([added.path], added.sha256, added.size)


def test_large_files_count_if_the_build_links_them(workspace: Workspace) -> None:
    space = checkout(workspace, [])
    stack, lock = read_stack(space, "top"), read_lock(space.lock("top"))
    entries = [
        Entry("wheel/x", "lfs", path, "1", "github:example/x@1/" + path, 9, letter * 64)
        for path, letter in (("cpp/x86/liba.a", "a"), ("cpp/arm/liba.a", "b"))
    ]
    lock = msgspec.structs.replace(lock, entries=entries)
    profile = stack.profile
    assert profile
    build = msgspec.structs.replace(profile.build, needs=["cpp/x86/liba.a"])
    profile = msgspec.structs.replace(profile, build=build)
    stack = msgspec.structs.replace(stack, profile=profile, wheels={"x": None})
    assert entries_read(stack, lock) == entries[:1]
    (item,) = all_files_to_bring(stack, lock, Store(space.mirror / "blobs"))
    assert (item.use, item.files, item.sha256) == ("wheel/x", ["liba.a"], "a" * 64)


def test_a_large_file_is_lacking_until_its_blob_is_there_in_its_size(workspace: Workspace) -> None:
    space = checkout(workspace, [])
    stack, lock = read_stack(space, "top"), read_lock(space.lock("top"))
    data = b"library"
    sha256 = hashlib.sha256(data).hexdigest()
    entry = Entry("wheel/x", "lfs", "liba.a", "1", "github:example/x@1/liba.a", len(data), sha256)
    lock = msgspec.structs.replace(lock, entries=[entry])
    profile = stack.profile
    assert profile
    build = msgspec.structs.replace(profile.build, needs=["liba.a"])
    profile = msgspec.structs.replace(profile, build=build)
    stack = msgspec.structs.replace(stack, profile=profile, wheels={"x": None})
    store = Store(space.mirror / "blobs")
    assert len(all_files_to_bring(stack, lock, store)) == 1
    store.partial(sha256).write_bytes(data)
    store.publish(store.partial(sha256), sha256)
    assert all_files_to_bring(stack, lock, store) == []
    longer = msgspec.structs.replace(lock, entries=[msgspec.structs.replace(entry, size=8)])
    assert len(all_files_to_bring(stack, longer, store)) == 1


def test_a_file_that_no_profile_describes_is_named(workspace: Workspace) -> None:
    space = checkout(workspace, ["typo"])
    with pytest.raises(ColdforgeError, match="layer libraries asks for 'typo'") as caught:
        list(carried_inputs(read_stack(space, "top")))
    assert caught.value.hint == "add [carried.typo] to docker/releases/engine.toml"


def test_a_stack_of_no_release_that_asks_for_files_is_named(workspace: Workspace) -> None:
    space = checkout(workspace)
    path = space.stacks / "top.toml"
    path.write_text(path.read_text("utf-8").replace('release = "engine"', ""), "utf-8")
    with pytest.raises(ColdforgeError, match="but top names no release"):
        list(carried_inputs(read_stack(space, "top")))


def test_the_screen_shows_each_file_once_within_80_columns(workspace: Workspace) -> None:
    space = checkout(workspace)
    files = [*absent(space, "shop"), *absent(space, "top"), *absent(space, "shop")]
    text = screen("top", files)
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[0] == "top needs 4 files that must be brought by hand:"
    assert text.count(NAME.format(version=VERSION)) == 1
    assert "    for     compiler of shop; libraries of top" in text.splitlines()
    assert f"  or {NAME.format(version='9.1.0.4')}" in text.splitlines()
    assert text.splitlines()[-1] == "  ./invokew mirror.add --stack top FILE"
    assert len(text.splitlines()) <= 30


def test_the_screen_shows_the_digest_of_a_pinned_file() -> None:
    file = FileToBring("top", "a", "x", ["x.tar"], "words " * 30, "someone", "f" * 64, 1_234_567)
    lines = screen("top", [file]).splitlines()
    assert lines[0] == "top needs 1 file that must be brought by hand:"
    assert f"    sha256  {'f' * 64}" in lines
    assert "    size    1.2 MB (1,234,567 bytes)" in lines
    assert max(map(len, lines)) <= 80
