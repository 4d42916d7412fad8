import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from coldforge.bootstrap.unpack import Tree, unpack_deb, unpack_tar, unpack_wheel
from coldforge.errors import RefusedError
from tests.bootstrap.tools import Members, deb, tar, wheel


class Lab:
    def __init__(self, root: Path) -> None:
        self.archive, self.tree = root / "archive", Tree(root / "tree", "the archive")

    def deb(self, members: Members, packing: str = "xz") -> list[str]:
        self.archive.write_bytes(deb(members, packing))
        unpack_deb(self.archive, self.tree)
        return self.names()

    def tar(self, members: Members) -> list[str]:
        self.archive.write_bytes(tar(members))
        unpack_tar(self.archive, self.tree)
        return self.names()

    def names(self) -> list[str]:
        root = self.tree.root
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize("packing", ["xz", ""])
def test_a_package_is_unpacked_with_usr_merged(lab: Lab, packing: str) -> None:
    members = {"./lib/x/a.so.1": b"x", "usr/lib/x/b.so": "/lib/x/a.so.1", "etc/conf": b"c"}
    assert lab.deb(members, packing) == ["etc/conf", "usr/lib/x/a.so.1", "usr/lib/x/b.so"]
    assert (lab.tree.root / "usr/lib/x/b.so").readlink() == Path("a.so.1")


def test_a_relative_link_across_the_merge_leads_where_it_led(lab: Lab) -> None:
    lab.deb({"lib/x/a": b"x", "usr/lib/y/b": "../../../lib/x/a"})
    assert (lab.tree.root / "usr/lib/y/b").read_bytes() == b"x"


def test_a_package_packed_as_python_cannot_read_is_named(lab: Lab) -> None:
    with pytest.raises(RefusedError, match=r"contains data\.tar\.zst"):
        lab.deb({}, "zst")


def test_the_project_is_unpacked_with_what_may_be_run(lab: Lab) -> None:
    assert lab.tar({"invokew": b"#!/bin/sh", "src/a.py": b"", "link": "src/a.py"}) == [
        "invokew",
        "link",
        "src/a.py",
    ]
    modes = {name: (lab.tree.root / name).stat().st_mode & 0o7777 for name in ("invokew", "link")}
    assert modes == {"invokew": 0o755, "link": 0o644}


@pytest.mark.parametrize(
    "members",
    [
        {"../x": b""},
        {"/x": b""},
        {"a/../../x": b""},
        {"link": "../x"},
        {"a/link": "../../x"},
        {"link": "a", "link/x": b""},
        {"dev": special("dev", tarfile.CHRTYPE)},
        {"disk": special("disk", tarfile.BLKTYPE)},
        {"pipe": special("pipe", tarfile.FIFOTYPE)},
        {"hard": special("hard", tarfile.LNKTYPE, "../x")},
        {"hard": special("hard", tarfile.LNKTYPE, "none")},
    ],
    ids="+".join,
)
def test_what_leads_out_or_is_no_file_is_refused(lab: Lab, members: Members) -> None:
    with pytest.raises(RefusedError, match=r"^the archive: ") as caught:
        lab.tar(members)
    assert caught.value.message.isprintable()
    assert {path.name for path in lab.archive.parent.iterdir()} == {"archive", "tree"}


def test_an_absolute_link_of_the_project_stays_inside(lab: Lab) -> None:
    lab.tar({"link": "/etc/passwd"})
    assert (lab.tree.root / "link").readlink() == Path("etc/passwd")


def test_a_set_user_id_is_not_kept(lab: Lab) -> None:
    info = special("run", tarfile.REGTYPE)
    info.mode = 0o6755
    lab.tar({"run": info})
    assert (lab.tree.root / "run").stat().st_mode & 0o7777 == 0o755


def test_a_wheel_gives_what_is_imported(lab: Lab) -> None:
    files = {
        "one/__init__.py": b"1",
        "one-1.dist-info/METADATA": b"m",
        "one-1.data/purelib/two.py": b"2",
        "one-1.data/platlib/three.so": b"3",
        "one-1.data/scripts/one": b"s",
        "one-1.data/data/share/man/one.1": b"d",
    }
    lab.archive.write_bytes(wheel(files))
    unpack_wheel(lab.archive, lab.tree)
    assert lab.names() == ["one-1.dist-info/METADATA", "one/__init__.py", "three.so", "two.py"]


@pytest.mark.parametrize("name", ["../x", "/x", "one-1.data/purelib/../../x"])
def test_a_wheel_that_climbs_out_is_refused(lab: Lab, name: str) -> None:
    lab.archive.write_bytes(wheel({name: b""}))
    with pytest.raises(RefusedError, match="leads out"):
        unpack_wheel(lab.archive, lab.tree)


@pytest.mark.parametrize("data", [b"", b"!<arch>\n", b"!<arch>\n" + b" " * 60, b"x" * 1000])
def test_no_archive_at_all_is_one_line(lab: Lab, data: bytes) -> None:
    lab.archive.write_bytes(data)
    for unpack in (unpack_deb, unpack_tar, unpack_wheel):
        with pytest.raises(RefusedError, match="is damaged") as caught:
            unpack(lab.archive, lab.tree)
        assert caught.value.message.isprintable()


def test_an_archive_cut_short_is_refused(lab: Lab) -> None:
    whole = {unpack_deb: deb({"a": bytes(5000)}), unpack_tar: tar({"a": bytes(5000)})}
    for unpack, data in whole.items():
        lab.archive.write_bytes(data[: len(data) // 2 if unpack is unpack_deb else 1000])
        with pytest.raises(RefusedError):
            unpack(lab.archive, lab.tree)


def test_a_damaged_member_of_a_wheel_is_found(lab: Lab) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", b"content")
    lab.archive.write_bytes(out.getvalue().replace(b"content", b"c0ntent"))
    with pytest.raises(RefusedError, match="is damaged"):
        unpack_wheel(lab.archive, lab.tree)
