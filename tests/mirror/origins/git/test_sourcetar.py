import hashlib
import io
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.files.lfs_pointer import Pointer
from coldforge.mirror.origins.git.sourcetar import TIME, Leaf, NullSink, write_tar
from tests.mirror.forge import OID, POINTER

# Of `tree()`. It may change only together with the version of the lock: locks pin such digests.
GOLDEN = "6681b42d5c3cf3795fac053f6d4f23bf845bbd8790139c72ea02222b51bf787a"
LONG = "folder/" * 20 + "file.txt"

PARTS = st.text(st.characters(blacklist_characters="/\0", codec="utf-8"), min_size=1, max_size=40)
NAMES = PARTS.filter(lambda part: part not in (".", ".."))


def holding(data: bytes) -> Callable[[], bytes]:
    return lambda: data


def file(data: bytes) -> Leaf:
    return Leaf("file", holding(data))


def link(target: str) -> Leaf:
    return Leaf("symlink", holding(target.encode()))


def tree() -> dict[str, Leaf]:
    return {
        "scripts/build.py": Leaf("executable", holding(b"#!/usr/bin/env python3\n")),
        "README.md": file(b"# A tree\r\n"),
        "lib-x": file(b""),
        "lib/libx.a": file(POINTER),
        "lib/deep/link": link("../../README.md"),
        LONG: file(bytes(1025)),
        "n\udce9e": file(b"a name that is not UTF-8"),
        "é": file(b"and one that is"),
    }


def written(leaves: dict[str, Leaf]) -> bytes:
    sink = io.BytesIO()
    told = write_tar(leaves, sink)
    data = sink.getvalue()
    assert (told.sha256, told.size) == (hashlib.sha256(data).hexdigest(), len(data))
    return data


def test_the_same_tree_is_the_same_bytes_as_ever() -> None:
    assert write_tar(tree(), NullSink()).sha256 == GOLDEN


def test_the_order_in_which_files_are_found_does_not_matter() -> None:
    assert written(dict(reversed(tree().items()))) == written(tree())


def test_members_are_sorted_and_hold_nothing_of_the_host() -> None:
    with tarfile.open(fileobj=io.BytesIO(written(tree()))) as archive:
        members = archive.getmembers()
    names = [member.name.encode("utf-8", "surrogateescape") for member in members]
    assert names == sorted(names)
    assert {member.mtime for member in members} == {TIME}
    assert {(m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, "", "")}
    modes = {member.name: member.mode for member in members}
    assert (modes["README.md"], modes["scripts/build.py"], modes["lib"]) == (0o644, 0o755, 0o755)
    assert len(members[0].pax_headers) == 0


def test_pointers_are_found_on_the_way() -> None:
    assert write_tar(tree(), NullSink()).pointers == {"lib/libx.a": Pointer(OID, 12345)}


@pytest.mark.parametrize(
    ("path", "target"),
    [("a", "/etc/passwd"), ("a/b", "../../x"), ("a", "x/../../y"), ("a", ".."), ("a", "")],
)
def test_a_symlink_out_of_the_tree_is_refused(path: str, target: str) -> None:
    with pytest.raises(ColdforgeError, match="points out of the source tree"):
        write_tar({path: link(target)}, NullSink())


@pytest.mark.parametrize("path", ["../x", "a/../x", "/x", "a//x", "./x", "a\0b"])
def test_an_unsafe_path_is_refused(path: str) -> None:
    with pytest.raises(ColdforgeError, match="unsafe path"):
        write_tar({path: file(b"")}, NullSink())


@given(st.dictionaries(NAMES, st.binary(max_size=1500), max_size=5), NAMES)
def test_what_is_written_is_read_again(files: dict[str, bytes], folder: str) -> None:
    leaves = {f"{folder}/{name}": file(data) for name, data in files.items()}
    with tarfile.open(fileobj=io.BytesIO(written(leaves)), encoding="utf-8") as archive:
        found = {m.name: archive.extractfile(m) for m in archive if m.isfile()}
        read = {name: stream.read() for name, stream in found.items() if stream}
    assert read == {f"{folder}/{name}": data for name, data in files.items()}
