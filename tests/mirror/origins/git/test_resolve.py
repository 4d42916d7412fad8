import hashlib
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.files.digest import sha256_file
from coldforge.mirror.fetch import fetch
from coldforge.mirror.http.urls import local
from coldforge.mirror.origins.git.forge import Commit
from coldforge.mirror.origins.git.resolve import GitLocator, resolve_source
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, Lock, read_lock, write_lock
from coldforge.stack.profile import Large, Profile
from tests.mirror.forge import OID, POINTER, Forge
from tests.mirror.origins.git.test_tree import profile

USE = "wheel/tensorrt_llm"
LIBRARY = "cpp/lib/libx.a"
LARGE = {LIBRARY: Large(OID, 12345)}


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forge:
    return Forge(tmp_path, monkeypatch)


@pytest.fixture
def release(forge: Forge) -> Profile:
    """A release with a submodule and a large file."""
    inner = forge.commit("o/inner", {"i.h": b"inner\r\n", "libs/deep.a": POINTER})
    files = {"a.py*": b"#!python\n", "link": "a.py", LIBRARY: POINTER, "third/inner": inner}
    large = {**LARGE, "third/inner/libs/deep.a": LARGE[LIBRARY]}
    commit = forge.commit("o/n", files)
    return profile(commit, submodules={"third/inner": str(inner)}, large=large)


def source(space: Workspace, chosen: Profile) -> Entry:
    return resolve_source(space, chosen, USE, [])[0]


def test_a_commit_is_pinned_with_its_large_files(workspace: Workspace, release: Profile) -> None:
    tree, *large = resolve_source(workspace, release, USE, [])
    assert (tree.use, tree.origin, tree.name) == (USE, "git", "source")
    assert tree.version == release.commit
    assert tree.path.startswith(f"github:o/n@{release.commit}~")
    assert [(e.origin, e.name, e.sha256, e.size) for e in large] == [
        ("lfs", LIBRARY, OID, 12345),
        ("lfs", "third/inner/libs/deep.a", OID, 12345),
    ]
    inner = release.submodules["third/inner"]
    assert [e.path for e in large] == [
        f"github:o/n@{release.commit}/{LIBRARY}",
        f"{inner}/libs/deep.a",
    ]
    assert [e.version for e in large] == [release.commit, inner.partition("@")[2]]


def test_the_pins_stand_in_a_lock(workspace: Workspace, release: Profile) -> None:
    entries = resolve_source(workspace, release, USE, [])
    path = workspace.lock("tiny")
    write_lock(path, Lock(1, "tiny", {}, [], entries))
    assert read_lock(path).entries == entries
    assert "//" not in path.read_text("utf-8")


def test_the_tar_that_is_offered_has_the_pinned_bytes(
    workspace: Workspace, release: Profile
) -> None:
    entry = source(workspace, release)
    (offered,) = [
        (sha256_file(path), path.stat().st_size, contents(path))
        for path in map(local, GitLocator(workspace, release).candidates(entry))
        if path
    ]
    assert offered[:2] == (entry.sha256, entry.size)
    assert offered[2] == {
        "a.py": (0o755, b"#!python\n"),
        LIBRARY: (0o644, POINTER),
        "third/inner/.git": (0o644, b""),
        "third/inner/i.h": (0o644, b"inner\r\n"),
        "third/inner/libs/deep.a": (0o644, POINTER),
    }


def contents(tar: Path) -> dict[str, tuple[int, bytes]]:
    with tarfile.open(tar) as archive:
        streams = ((member, archive.extractfile(member)) for member in archive if member.isfile())
        return {member.name: (member.mode, stream.read()) for member, stream in streams if stream}


def test_a_fetch_brings_the_tar_and_leaves_nothing_else(
    workspace: Workspace, release: Profile
) -> None:
    entry = source(workspace, release)
    store = Store(workspace.mirror / "blobs")
    fetch(store, [entry], {"git": lambda: GitLocator(workspace, release)})
    assert store.has(entry.sha256, entry.size)
    assert not list((workspace.build / "cache" / "git").glob("*.tar"))


def test_another_host_makes_the_same_bytes(
    forge: Forge, release: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = source(Workspace(tmp_path / "here"), release)
    for name in ("o/n", "o/inner"):
        forge.git(name, "repack", "-adfq", "--window=0")
        forge.git(name, "config", "pack.compression", "0")
    settings = "[core]\n\tautocrlf = true\n\tsharedRepository = 0660\n[fetch]\n\tunpackLimit = 1\n"
    forge.configure(forge.config.read_text("utf-8") + settings)
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    umask = os.umask(0o077)
    try:
        there = source(Workspace(tmp_path / "there"), release)
    finally:
        os.umask(umask)
    assert there == here


def test_what_is_pinned_stays_without_looking(
    workspace: Workspace, release: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entries = resolve_source(workspace, release, USE, [])
    monkeypatch.setenv("PATH", str(tmp_path))  # no git at all
    others = [msgspec.structs.replace(entry, use="wheel/other") for entry in entries]
    assert resolve_source(workspace, release, USE, [*others, *entries]) == entries


def test_a_changed_profile_is_looked_at_again(
    workspace: Workspace, release: Profile, forge: Forge
) -> None:
    entries = resolve_source(workspace, release, USE, [])
    slim = msgspec.structs.replace(release, without=["a.py"])
    after = resolve_source(workspace, slim, USE, entries)
    assert after[0].version == entries[0].version
    assert after[0].path != entries[0].path
    assert after[0].sha256 != entries[0].sha256
    forgetful = msgspec.structs.replace(release, large=LARGE)
    with pytest.raises(ColdforgeError, match="is a Git LFS pointer"):
        resolve_source(workspace, forgetful, USE, entries)


def test_a_pointer_that_the_profile_does_not_name_is_named(
    workspace: Workspace, forge: Forge
) -> None:
    commit = forge.commit("o/n", {LIBRARY: POINTER, "b.a": POINTER})
    with pytest.raises(ColdforgeError, match="the profile says nothing of it") as caught:
        source(workspace, profile(commit))
    assert "'b.a' is a Git LFS pointer" in caught.value.message
    line = f'"{LIBRARY}" = {{ oid = "{OID}", size = 12345 }}'
    assert caught.value.hint.splitlines()[1] == "[large]"
    assert line in caught.value.hint.splitlines()
    found = msgspec.toml.decode(
        caught.value.hint.partition("\n")[2], type=dict[str, dict[str, Large]]
    )
    assert source(workspace, profile(commit, large=found["large"])).version == commit.hex


@pytest.mark.parametrize("wrong", [Large("0" * 64, 12345), Large(OID, 12346)])
def test_a_pointer_that_promises_other_bytes_is_named(
    workspace: Workspace, forge: Forge, wrong: Large
) -> None:
    commit = forge.commit("o/n", {LIBRARY: POINTER})
    with pytest.raises(ColdforgeError, match="the profile says other bytes of it") as caught:
        source(workspace, profile(commit, large={LIBRARY: wrong}))
    assert f"'{LIBRARY}'" in caught.value.message


def test_a_large_file_without_a_pointer_is_named(workspace: Workspace, forge: Forge) -> None:
    commit = forge.commit("o/n", {LIBRARY: b"!<arch>\n"})
    with pytest.raises(ColdforgeError, match="the tree has no pointer there") as caught:
        source(workspace, profile(commit, large=LARGE))
    assert f"'{LIBRARY}'" in caught.value.message


@pytest.fixture
def folder(workspace: Workspace) -> Iterator[Path]:
    path = workspace.root / "fixtures" / "release"
    (path / "cpp" / "lib").mkdir(parents=True)
    (path / "setup.py").write_text("setup()\n", "utf-8")
    (path / LIBRARY).write_bytes(POINTER)
    yield path


def test_a_folder_is_pinned_by_its_bytes(workspace: Workspace, folder: Path) -> None:
    chosen = profile("fixtures/release", large=LARGE, fixture=True)
    entries = resolve_source(workspace, chosen, USE, [])
    assert entries[0].path == "fixtures/release"
    assert entries[0].version == entries[0].sha256[:16]
    assert entries[1].path == f"fixtures/release/{LIBRARY}"
    (folder / "setup.py").write_text("setup(1)\n", "utf-8")
    again = resolve_source(workspace, chosen, USE, entries)
    assert again[0].sha256 != entries[0].sha256
    assert again[1] == entries[1]


def test_a_folder_that_changed_since_is_told(
    workspace: Workspace, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = profile("fixtures/release", large=LARGE)
    entry = source(workspace, chosen)
    (folder / "setup.py").chmod(0o755)
    with pytest.raises(MissingInputError, match="1 of 1 files"):
        fetch(Store(workspace.mirror), [entry], {"git": lambda: GitLocator(workspace, chosen)})
    said = capsys.readouterr().err
    assert "fixtures/release has changed since it was locked" in said
    assert "stack.lock" in said


def test_a_place_that_is_down_offers_nothing(
    workspace: Workspace, forge: Forge, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = profile(Commit("github:o/none", "0123456789" * 4))
    path = f"{gone.repository}@{gone.commit}"
    sha256 = hashlib.sha256(b"").hexdigest()
    entry = Entry(USE, "git", "source", gone.commit, path, 1, sha256)
    assert list(GitLocator(workspace, gone).candidates(entry)) == []
    assert "git cannot fetch 0123456789" in capsys.readouterr().err


def test_a_source_of_another_release_is_not_offered(workspace: Workspace, release: Profile) -> None:
    entry = msgspec.structs.replace(source(workspace, release), path="github:o/else@0")
    assert list(GitLocator(workspace, release).candidates(entry)) == []
    assert list(GitLocator(workspace, None).candidates(entry)) == []


def test_a_host_without_git_is_told_what_to_install(
    workspace: Workspace, release: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingInputError, match="git, which fetches") as caught:
        source(workspace, release)
    assert "install git" in caught.value.hint
