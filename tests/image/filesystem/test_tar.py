import hashlib
import io
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import LayerWriter, headers, pax_record

EPOCH = 1_735_689_600
GOLDEN = "9b1647b909d76dd1be3bce710fe533acbf5eecd84319fda1598cb80bd7b7a3e3"
Content = list[tuple[Member, bytes]]

names = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="/\0"), min_size=1, max_size=120
).filter(lambda name: name not in (".", ".."))
targets = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=150
)
owners = st.integers(0, 2**32 - 2)
modes = st.integers(0, 0o7777)


@st.composite
def contents(draw: st.DrawFn) -> Content:
    """Draw members that may follow each other: parents are folders, hard links point back."""
    paths = draw(st.lists(st.lists(names, min_size=1, max_size=4), max_size=12))
    kinds: dict[str, str] = {}
    members: Content = []
    files: list[str] = []
    for parts in paths:
        path = "/".join(parts)
        above = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
        if path in kinds or any(kinds.get(folder, "dir") != "dir" for folder in above):
            continue
        kind = draw(st.sampled_from(["file", "dir", "symlink", *(["hardlink"] if files else [])]))
        member = Member(path, kind, draw(modes), draw(owners), draw(owners))  # type: ignore[arg-type]
        data = draw(st.binary(max_size=1200)) if kind == "file" else b""
        if kind == "symlink":
            member = replace(member, link=draw(targets))
        elif kind == "hardlink":
            member = replace(member, link=draw(st.sampled_from(files)))
        elif kind == "file":
            files.append(path)
            member = replace(member, size=len(data), capability=draw(st.binary(max_size=24)))
        members.append((member, data))
        kinds |= {folder: "dir" for folder in above if folder not in kinds} | {path: kind}
    return members


def written(members: Content, epoch: int = EPOCH) -> bytes:
    sink = io.BytesIO()
    writer = LayerWriter(sink, epoch)
    for member, data in members:
        writer.add(member, io.BytesIO(data))
    sha256, size = writer.close()
    assert (sha256, size) == (hashlib.sha256(sink.getvalue()).hexdigest(), len(sink.getvalue()))
    return sink.getvalue()


def with_parents(members: Content) -> Content:
    """Add the folders that the writer makes of itself."""
    whole: dict[str, tuple[Member, bytes]] = {}
    for member, data in members:
        parts = member.path.split("/")
        for depth in range(1, len(parts)):
            parent = "/".join(parts[:depth])
            whole.setdefault(parent, (Member(parent, "dir", 0o755), b""))
        whole[member.path] = (member, data)
    return list(whole.values())


def as_read(archive: tarfile.TarFile, info: tarfile.TarInfo) -> tuple[Member, bytes]:
    kinds = {b"0": "file", b"1": "hardlink", b"2": "symlink", b"5": "dir"}
    stream = archive.extractfile(info) if info.isreg() else None
    data = stream.read() if stream else b""
    capability = info.pax_headers.get("SCHILY.xattr.security.capability", "")
    member = Member(
        info.name,
        kinds[info.type],  # type: ignore[arg-type]
        info.mode,
        info.uid,
        info.gid,
        info.size,
        info.linkname,
        capability.encode("utf-8", "surrogateescape"),
    )
    return member, data


@given(contents())
def test_any_reader_finds_exactly_what_was_written(members: Content) -> None:
    with tarfile.open(fileobj=io.BytesIO(written(members)), mode="r:") as archive:
        infos = archive.getmembers()
        assert [as_read(archive, info) for info in infos] == with_parents(members)
        assert {info.mtime for info in infos} <= {EPOCH}
        assert {(info.uname, info.gname) for info in infos} <= {("", "")}


@given(contents())
def test_the_same_members_are_the_same_bytes_however_their_content_comes(members: Content) -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 7))

    sink = io.BytesIO()
    writer = LayerWriter(sink, EPOCH)
    for member, data in members:
        writer.add(member, Dripping(data))
    writer.close()
    assert sink.getvalue() == written(members)


LONG = "long/" + "n" * 101
DEEP = "/".join(["d" * 60] * 6) + "/file"
FIXED: Content = [
    (Member("bin", "symlink", 0o777, link="usr/bin"), b""),
    (Member("etc", "dir", 0o755), b""),
    (Member("etc/shadow", "file", 0o640, 0, 42, 5), b"root\n"),
    (Member("tmp", "dir", 0o1777), b""),
    (Member("usr/bin/ping", "file", 0o755, size=6, capability=b"\1\0\2\0\x20\xff"), b"p" * 6),
    (Member("usr/bin/ping4", "hardlink", 0o755, link="usr/bin/ping"), b""),
    (Member(LONG, "file", 0o600, 65534, 65534), b""),
    (Member(DEEP, "file", 0o4755, 1000, 1000, 1), b"x"),
    (Member("größe/日本", "file", 0o644, size=3), b"abc"),
    (Member("far", "symlink", 0o777, link="t" * 140), b""),
    (Member("wide", "file", 0o644, 3_000_000, 4_000_000_000), b""),
]  # fmt: skip


def test_the_writer_s_bytes_are_those_on_record() -> None:
    assert hashlib.sha256(written(FIXED)).hexdigest() == GOLDEN


def test_gnu_tar_reads_it_too(tmp_path: Path) -> None:
    (tmp_path / "layer.tar").write_bytes(written(FIXED))
    command = ["tar", "--numeric-owner", "--full-time", "--quoting-style=literal", "-tvf"]
    result = subprocess.run(
        [*command, str(tmp_path / "layer.tar")],
        capture_output=True,
        text=True,
        check=True,
        env={"LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": "/usr/bin:/bin"},
    )
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert {"2025-01-01 00:00:00"} == {" ".join(line.split()[3:5]) for line in lines}
    shown = {line.split(maxsplit=5)[5]: line.split()[:3] for line in lines}
    assert shown["etc/shadow"] == ["-rw-r-----", "0/42", "5"]
    assert shown["tmp/"] == ["drwxrwxrwt", "0/0", "0"]
    assert shown["usr/bin/ping4 link to usr/bin/ping"][0] == "hrwxr-xr-x"
    assert shown[DEEP] == ["-rwsr-xr-x", "1000/1000", "1"]
    assert shown["größe/日本"][2] == "3"
    assert shown["wide"][1] == "3000000/4000000000"
    assert f"far -> {'t' * 140}" in shown


def test_the_epoch_is_in_every_header() -> None:
    assert written(FIXED, 1) != written(FIXED, 2)


@pytest.mark.parametrize("size", [8**11 - 1, 8**11, 9 << 30, 1 << 40])
def test_a_size_beyond_ustar_s_field_is_kept(size: int) -> None:
    header = b"".join(headers(Member("big", "file", 0o644, size=size), EPOCH))
    with tarfile.open(fileobj=io.BytesIO(header), mode="r:") as archive:
        info = archive.next()
        assert info is not None
        assert (info.name, info.size) == ("big", size)


def test_a_plain_member_needs_no_pax_header() -> None:
    assert len(list(headers(Member("a" * 100, "file", 0o644, size=8**11 - 1), EPOCH))) == 1
    assert len(list(headers(Member("a" * 101, "file", 0o644), EPOCH))) == 3


@pytest.mark.parametrize("length", [*range(80, 100), *range(985, 1000)])
def test_a_pax_record_counts_itself(length: int) -> None:
    record = pax_record("path", b"v" * length)
    assert int(record.split(b" ")[0]) == len(record)


def test_a_name_that_is_not_utf8_is_kept_byte_for_byte() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    data = written([(Member(name, "symlink", 0o777, link=f"../{name}"), b"")])
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        (info,) = archive.getmembers()
    assert (info.name, info.linkname) == (name, f"../{name}")


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", "a/./b", "a\0b", "", "a/.."])
def test_an_escaping_name_is_refused(path: str) -> None:
    with pytest.raises(ColdforgeError, match="unsafe member name"):
        LayerWriter(io.BytesIO(), EPOCH).add(Member(path, "file", 0o644))


@pytest.mark.parametrize("kind", ["symlink", "hardlink", "file"])
def test_nothing_is_written_through_what_is_no_folder(kind: str) -> None:
    writer = LayerWriter(io.BytesIO(), EPOCH)
    writer.add(Member("first", "file", 0o644))
    writer.add(Member("a", kind, 0o777, link="first"))  # type: ignore[arg-type]
    with pytest.raises(ColdforgeError, match=f"/a/b/c would be written through the {kind} /a"):
        writer.add(Member("a/b/c", "file", 0o644))


@pytest.mark.parametrize("second", ["file", "symlink", "dir"])
def test_two_inputs_that_write_one_path_are_refused_by_name(second: str) -> None:
    writer = LayerWriter(io.BytesIO(), EPOCH)
    writer.add(Member("usr/bin/tool", "file", 0o755))
    with pytest.raises(ColdforgeError, match="two inputs both write /usr/bin/tool"):
        writer.add(Member("usr/bin/tool", second, 0o755, link="x"))  # type: ignore[arg-type]


def test_a_folder_may_come_again_and_its_first_mode_stays() -> None:
    once = [(Member("srv", "dir", 0o2775), b"")]
    assert written([*once, (Member("srv", "dir", 0o755), b"")]) == written(once)


@pytest.mark.parametrize("target", ["none", "dir", "../x", "later"])
def test_a_hard_link_to_what_is_no_earlier_file_is_refused(target: str) -> None:
    writer = LayerWriter(io.BytesIO(), EPOCH)
    writer.add(Member("dir", "dir", 0o755))
    with pytest.raises(ColdforgeError, match=f"hard link /a -> /{target} points to no file"):
        writer.add(Member("a", "hardlink", 0o644, link=target))


def test_short_content_is_refused() -> None:
    with pytest.raises(ColdforgeError, match="/a ended 3 bytes early"):
        LayerWriter(io.BytesIO(), EPOCH).add(Member("a", "file", 0o644, size=5), io.BytesIO(b"ab"))


def test_a_file_without_content_is_refused() -> None:
    with pytest.raises(ColdforgeError, match="/a ended 5 bytes early"):
        LayerWriter(io.BytesIO(), EPOCH).add(Member("a", "file", 0o644, size=5))


def test_an_empty_archive_is_one_record_of_zeros() -> None:
    assert written([]) == bytes(10240)
