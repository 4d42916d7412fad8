import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from coldforge.bundle.packing.tool import checkout_files, pack_project
from coldforge.errors import ColdforgeError
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from tests.bundle.sender import sending_site


def git(space: Workspace, *arguments: str) -> None:
    named = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(space.root), *named, *arguments], check=True)


def in_git(tmp_path: Path) -> Workspace:
    space = sending_site(tmp_path / "here")
    (space.root / ".gitignore").write_text("/offline-mirror/blobs\n/build/\n", "utf-8")
    git(space, "init", "-q")
    git(space, "add", ".")
    git(space, "commit", "-qm", "first")
    return space


def content(space: Workspace) -> dict[str, tarfile.TarInfo]:
    need = pack_project(space, Store(space.mirror / "blobs"), 1735689600)
    with tarfile.open(fileobj=io.BytesIO(need.path.read_bytes())) as tar:
        return {info.name: info for info in tar if not info.isdir()}


def test_the_files_of_git_are_carried_as_they_are_now(tmp_path: Path) -> None:
    space = in_git(tmp_path)
    (space.root / "invokew").write_text("#!/bin/sh\nchanged\n", "utf-8")
    found = content(space)
    assert found["invokew"].size == 18
    assert found["invokew"].mode == 0o755
    assert {"docker/stacks/demo.toml", "offline-mirror/demo.lock", "REVISION"} <= set(found)
    assert not any("blobs" in name or name.startswith(".git/") for name in found)


def test_a_new_stack_is_carried_and_a_persons_own_file_is_not(tmp_path: Path) -> None:
    space = in_git(tmp_path)
    (space.stacks / "new.toml").write_text("", "utf-8")
    (space.root / "notes.txt").write_text("secret", "utf-8")
    assert "docker/stacks/new.toml" in checkout_files(space)
    assert "notes.txt" not in checkout_files(space)


def test_a_file_that_was_removed_is_not_carried(tmp_path: Path) -> None:
    space = in_git(tmp_path)
    (space.root / "invokew").unlink()
    assert "invokew" not in checkout_files(space)


def test_the_same_files_are_the_same_bytes_with_git_and_without(tmp_path: Path) -> None:
    space, store = in_git(tmp_path), Store(tmp_path / "store")
    os.utime(space.root / "invokew", (1, 1))
    first = pack_project(space, store, 0)
    there = Workspace(tmp_path / "there")
    with tarfile.open(first.path) as tar:
        tar.extractall(there.root, filter="tar")
    assert (there.root / "REVISION").read_text("utf-8").strip()
    (there.root / "build").symlink_to(tmp_path)
    (there.root / ".tool").symlink_to(tmp_path)
    (there.mirror / "blobs").mkdir()
    (there.mirror / "blobs" / "x").write_bytes(b"x")
    (there.mirror / "site").symlink_to(tmp_path)
    (there.root / "src" / "__pycache__").mkdir(parents=True)
    (there.root / "src" / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert pack_project(there, store, 0) == first


def test_without_git_no_file_of_this_checkout_is_taken_for_a_persons_own(
    checkout: Path, tmp_path: Path
) -> None:
    tracked = checkout_files(Workspace(checkout))
    for name in tracked:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert checkout_files(Workspace(tmp_path)) == tracked


def test_links_are_carried_as_links(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    (space.root / "link").symlink_to("invokew")
    (space.root / "folder").symlink_to("docker")
    found = content(space)
    assert (found["link"].linkname, found["folder"].linkname) == ("invokew", "docker")


def test_a_private_key_is_never_sent(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    key = "-----BEGIN PRIVATE KEY-----\n"  # what PEM begins with
    (space.root / "site.key").write_text(key, "utf-8")
    with pytest.raises(ColdforgeError, match=r"site.key is a private key"):
        pack_project(space, Store(tmp_path / "store"), 0)
