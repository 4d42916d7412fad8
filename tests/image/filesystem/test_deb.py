import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.deb import lay_out, merged, payload
from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import LayerWriter
from coldforge.image.filesystem.tree import Tree, read_tree

CAPABILITY = b"\1\0\0\2\0\x20\0\0\0\0\0\0\0\xff\0\0\0\0\0\0"
DebOf = Callable[..., Path]
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


def ar(members: dict[str, bytes]) -> bytes:
    whole = b"!<arch>\n"
    for name, data in members.items():
        header = f"{name:<16}{1700000000:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n"
        whole += header.encode() + data + b"\n" * (len(data) % 2)
    return whole


def entry(name: str, kind: bytes = tarfile.REGTYPE, **fields: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def tar(entries: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in entries:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


@pytest.fixture
def deb_of(tmp_path: Path) -> DebOf:
    """Pack a .deb of `entries` in pure Python; return the file."""

    def pack(
        entries: list[tuple[tarfile.TarInfo, bytes]], suffix: str = ".xz", name: str = "demo.deb"
    ) -> Path:
        data = COMPRESSIONS[suffix](tar(entries))
        control = COMPRESSIONS[".gz"](tar([]))
        parts = {"debian-binary": b"2.0\n", "control.tar.gz": control, f"data.tar{suffix}": data}
        (tmp_path / name).write_bytes(ar(parts))
        return tmp_path / name

    return pack


def laid_out(tmp_path: Path, *debs: Path) -> Tree:
    place = tmp_path / "layer.tar"
    with place.open("wb") as stream:
        writer = LayerWriter(stream, 1)
        lay_out(list(debs), writer.add)
        writer.close()
    return read_tree(place)


@pytest.mark.parametrize("suffix", COMPRESSIONS)
@pytest.mark.parametrize("size", [0, 1, 20_000, 300_001])
def test_a_payload_is_read_whatever_compresses_it(
    deb_of: DebOf, tmp_path: Path, suffix: str, size: int
) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    deb = deb_of([(entry("./usr/bin/x", mode=0o755), content[:size])], suffix)
    node = laid_out(tmp_path, deb)["usr/bin/x"]
    assert (node.member.size, node.member.mode) == (size, 0o755)


def test_what_follows_the_data_archive_is_not_read(deb_of: DebOf, tmp_path: Path) -> None:
    for suffix in COMPRESSIONS:
        deb = deb_of([(entry("./a"), b"a" * 10_001)], suffix)
        deb.write_bytes(deb.read_bytes() + ar({"_gpgorigin": b"signature"})[8:])
        assert laid_out(tmp_path, deb)["a"].member.size == 10_001


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_a_payload_without_padding_is_read(tmp_path: Path, suffix: str) -> None:
    """Not every packer fills the last record, and ar pads an odd member with a newline."""
    for length in range(1, 60):
        info = entry("./a")
        info.size = length
        unpadded = info.tobuf() + (b"a" * length).ljust(512, b"\0") + bytes(1024)
        data = COMPRESSIONS[suffix](unpadded)
        (tmp_path / "demo.deb").write_bytes(ar({f"data.tar{suffix}": data, "more": b"garbage"}))
        assert laid_out(tmp_path, tmp_path / "demo.deb")["a"].member.size == length


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("lib/x/y", "usr/lib/x/y"),
        ("bin", "usr/bin"),
        ("sbin/x", "usr/sbin/x"),
        ("lib64/ld.so", "usr/lib64/ld.so"),
        ("usr/lib/x", "usr/lib/x"),
        ("libexec/x", "libexec/x"),
        ("etc/bin", "etc/bin"),
    ],
)
def test_the_old_split_layout_moves_below_usr(path: str, place: str) -> None:
    assert merged(path) == place


def test_the_payload_lands_below_usr_and_the_old_places_are_links(
    deb_of: DebOf, tmp_path: Path
) -> None:
    deb = deb_of([(entry("./", tarfile.DIRTYPE), b""), (entry("./bin/sh"), b"#!")])
    tree = laid_out(tmp_path, deb)
    assert tree["usr/bin/sh"].member.size == 2
    assert "bin/sh" not in tree
    links = {path: tree[path].member.link for path in ("bin", "lib", "lib64", "sbin")}
    assert links == {name: f"usr/{name}" for name in links}


def test_owners_and_special_modes_are_kept(deb_of: DebOf, tmp_path: Path) -> None:
    entries = [
        (entry("./etc/shadow", uid=0, gid=42, mode=0o640), b"x"),
        (entry("./usr/bin/su", mode=0o4755), b"x"),
        (entry("./srv", tarfile.DIRTYPE, uid=7, gid=8, mode=0o2775), b""),
    ]
    tree = laid_out(tmp_path, deb_of(entries))
    assert tree["etc/shadow"].member == Member("etc/shadow", "file", 0o640, 0, 42, 1)
    assert tree["usr/bin/su"].member.mode == 0o4755
    assert tree["srv"].member == Member("srv", "dir", 0o2775, 7, 8)


def test_a_capability_is_kept(deb_of: DebOf, tmp_path: Path) -> None:
    value = CAPABILITY.decode("utf-8", "surrogateescape")
    info = entry("./bin/ping", mode=0o755)
    info.pax_headers = {"SCHILY.xattr.security.capability": value}
    assert laid_out(tmp_path, deb_of([(info, b"x")]))["usr/bin/ping"].member.capability == (
        CAPABILITY
    )


def test_a_hard_link_follows_its_target_below_usr(deb_of: DebOf, tmp_path: Path) -> None:
    entries = [
        (entry("./bin/gunzip"), b"same"),
        (entry("./bin/uncompress", tarfile.LNKTYPE, linkname="./bin/gunzip"), b""),
    ]
    members = [member for member, _ in payload(deb_of(entries))]
    assert (members[1].kind, members[1].link) == ("hardlink", "usr/bin/gunzip")
    tree = laid_out(tmp_path, deb_of(entries))
    assert tree["usr/bin/uncompress"].sha256 == tree["usr/bin/gunzip"].sha256


def test_the_first_package_to_write_a_path_wins(deb_of: DebOf, tmp_path: Path) -> None:
    first = deb_of([(entry("./etc/x"), b"1")], name="first.deb")
    other = deb_of([(entry("./etc/x"), b"22"), (entry("./etc/y"), b"")], name="other.deb")
    tree = laid_out(tmp_path, first, other)
    assert tree["etc/x"].member.size == 1
    assert "etc/y" in tree


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_device_is_refused_by_name(deb_of: DebOf, tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(ColdforgeError, match="/dev/null is a device or pipe"):
        laid_out(tmp_path, deb_of([(entry("./dev/null", kind), b"")]))


@pytest.mark.parametrize("name", ["../etc/passwd", "/etc/passwd", "usr/../../etc/passwd"])
def test_an_escaping_name_is_refused(deb_of: DebOf, tmp_path: Path, name: str) -> None:
    with pytest.raises(ColdforgeError, match="unsafe member name"):
        laid_out(tmp_path, deb_of([(entry(name), b"x")]))


def test_an_escaping_symlink_is_refused(deb_of: DebOf, tmp_path: Path) -> None:
    info = entry("./usr/share/x", tarfile.SYMTYPE, linkname="../../../etc/passwd")
    with pytest.raises(ColdforgeError, match=r"/usr/share/x -> .* points out of the"):
        laid_out(tmp_path, deb_of([(info, b"")]))


def test_a_write_through_a_symlink_is_refused(deb_of: DebOf, tmp_path: Path) -> None:
    link = entry("./opt/x", tarfile.SYMTYPE, linkname="/etc")
    with pytest.raises(ColdforgeError, match="would be written through the symlink /opt/x"):
        laid_out(tmp_path, deb_of([(link, b""), (entry("./opt/x/passwd"), b"x")]))


@pytest.mark.parametrize("target", ["../../etc/shadow", "/etc/shadow"])
def test_an_escaping_hard_link_is_refused(deb_of: DebOf, tmp_path: Path, target: str) -> None:
    info = entry("./opt/x", tarfile.LNKTYPE, linkname=target)
    with pytest.raises(ColdforgeError, match="unsafe member name"):
        laid_out(tmp_path, deb_of([(info, b"")]))


@pytest.mark.parametrize("suffix", COMPRESSIONS)
@pytest.mark.parametrize("kept", [0.05, 0.3, 0.9])
def test_a_truncated_package_is_named(
    deb_of: DebOf, tmp_path: Path, suffix: str, kept: float
) -> None:
    content = bytes((i * i * 7 + i // 255) % 256 for i in range(200_000))
    deb = deb_of([(entry("./a"), content), (entry("./b"), content)], suffix)
    data = deb.read_bytes()
    deb.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ColdforgeError, match=r"demo\.deb"):
        laid_out(tmp_path, deb)


def test_a_package_cut_between_two_files_is_named(deb_of: DebOf, tmp_path: Path) -> None:
    """The tar inside reads on to its cut end without an error; the ar around it knows better."""
    deb = deb_of([(entry("./a"), bytes(512)), (entry("./b"), bytes(512))], "")
    data = deb.read_bytes()
    deb.write_bytes(data[: data.index(b"./b")])
    with pytest.raises(ColdforgeError, match=r"demo\.deb is not a sound \.deb"):
        laid_out(tmp_path, deb)


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst"])
def test_a_damaged_package_is_named(deb_of: DebOf, tmp_path: Path, suffix: str) -> None:
    deb = deb_of([(entry("./a"), bytes(range(256)) * 4000)], suffix)
    data = bytearray(deb.read_bytes())
    start = data.index(b"data.tar") + 60
    data[start : start + 8] = b"\xff" * 8
    deb.write_bytes(data)
    with pytest.raises(ColdforgeError, match=r"demo\.deb"):
        laid_out(tmp_path, deb)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\3\4", "is not a .deb"),
        (b"", "is not a .deb"),
        (b"!<arch>\n", "holds no data archive"),
        (ar({"debian-binary": b"2.0\n"}), "holds no data archive"),
        (ar({"data.tar.lzma": b"x"}), "unknown compression"),
        (b"!<arch>\n" + b"x" * 60, "is not a"),
        (ar({"data.tar": b"x" * 600}), "not a sound"),
    ],
)
def test_what_is_no_package_is_named(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "demo.deb").write_bytes(data)
    with pytest.raises(ColdforgeError, match=rf"demo\.deb.*{said}"):
        laid_out(tmp_path, tmp_path / "demo.deb")
