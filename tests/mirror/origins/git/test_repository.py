import functools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.mirror.origins.git.forge import Commit
from coldforge.mirror.origins.git.repository import Repository, TreeEntry
from tests.mirror.forge import Forge


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forge:
    return Forge(tmp_path, monkeypatch)


@pytest.fixture
def copy(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "cache" / "copy.git")


def read(copy: Repository, commit: Commit) -> dict[str, bytes]:
    with copy.blobs() as blob:
        return {item.path: blob(item.oid) for item in copy.tree(commit)}


def test_a_commit_is_fetched_alone_and_read(forge: Forge, copy: Repository) -> None:
    first = forge.commit("o/n", {"a": b"one\r\n", "dir/b*": b"", "link": "a"})
    forge.commit("o/n", {"a": b"two\n"})
    copy.fetch(first)
    assert read(copy, first) == {"a": b"one\r\n", "dir/b": b"", "link": b"a"}
    assert [item.mode for item in copy.tree(first)] == ["100644", "100755", "120000"]
    objects = subprocess.run(
        ["git", f"--git-dir={copy.folder}", "cat-file", "--batch-all-objects", "--batch-check"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert objects.stdout.count("commit") == 1


def test_what_is_here_is_not_fetched_again(forge: Forge, copy: Repository) -> None:
    commit = forge.commit("o/n", {"a": b"one"})
    copy.fetch(commit)
    forge.folder("o/n").rename(forge.root / "away")
    copy.fetch(commit)
    assert read(copy, commit) == {"a": b"one"}


def test_a_second_commit_joins_the_first(forge: Forge, copy: Repository) -> None:
    commits = [forge.commit("o/n", {"a": text}) for text in (b"one", b"two")]
    for commit in commits:
        copy.fetch(commit)
    assert [read(copy, commit) for commit in commits] == [{"a": b"one"}, {"a": b"two"}]


def test_odd_names_keep_their_bytes(forge: Forge, copy: Repository) -> None:
    names = ["tab\there", "line\nfeed", os.fsdecode(b"latin-\xe9"), "é", '"quoted"']
    commit = forge.commit("o/n", dict.fromkeys(names, b"x"))
    copy.fetch(commit)
    assert {item.path for item in copy.tree(commit)} == set(names)


def test_neither_attributes_nor_line_ending_settings_touch_a_byte(
    forge: Forge, copy: Repository
) -> None:
    forge.configure(forge.config.read_text("utf-8") + "[core]\n\tautocrlf = true\n\teol = crlf\n")
    files = {".gitattributes": b"* text ident export-subst\nb export-ignore\n"}
    files |= {"a": b"$Id$ $Format:%H$\nunix\n", "b": b"dos\r\n"}
    commit = forge.commit("o/n", files)
    copy.fetch(commit)
    assert read(copy, commit) == files


def test_no_hook_of_the_user_runs(forge: Forge, copy: Repository, tmp_path: Path) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("reference-transaction", "post-checkout"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n", "utf-8")
        (hooks / name).chmod(0o755)
    commit = forge.commit("o/n", {"a": b"one"})
    forge.configure(forge.config.read_text("utf-8") + f"[core]\n\thooksPath = {hooks}\n")
    copy.fetch(commit)
    assert not (tmp_path / "ran").exists()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def dumb(forge: Forge) -> Iterator[str]:
    """A server that knows nothing of git: it hands out files."""
    handler = functools.partial(Quiet, directory=str(forge.root))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_server_that_gives_no_single_commit_gives_its_branches(
    forge: Forge, copy: Repository, dumb: str
) -> None:
    commit = forge.commit("o/n", {"a": b"one"})
    forge.git("o/n", "update-server-info")
    forge.lead(f"{dumb}")
    copy.fetch(commit)
    assert read(copy, commit) == {"a": b"one"}


def test_a_commit_nobody_has_is_named(forge: Forge, copy: Repository) -> None:
    forge.commit("o/n", {"a": b"one"})
    with pytest.raises(ColdforgeError, match="github:o/n has no commit 0123456789") as caught:
        copy.fetch(Commit("github:o/n", "0123456789" * 4))
    assert "insteadOf" in caught.value.hint


def test_a_repository_that_is_not_there_is_named_with_what_to_do(
    forge: Forge, copy: Repository
) -> None:
    with pytest.raises(ColdforgeError, match="git cannot fetch 0123456789") as caught:
        copy.fetch(Commit("github:o/none", "0123456789" * 4))
    assert "github:o/none" in caught.value.message
    assert "does not exist" in caught.value.message or "not appear" in caught.value.message
    assert "url.<mirror>.insteadOf" in caught.value.hint
    assert "\n" not in caught.value.message


def test_a_password_in_the_address_is_not_printed(forge: Forge, copy: Repository) -> None:
    forge.lead("http://me:secret@127.0.0.1:9/")
    with pytest.raises(ColdforgeError, match="git cannot fetch") as caught:
        copy.fetch(Commit("github:o/n", "0123456789" * 4))
    assert "secret" not in caught.value.message + caught.value.hint


def test_a_damaged_copy_is_named_with_what_to_do(forge: Forge, copy: Repository) -> None:
    commit = forge.commit("o/n", {"a": os.urandom(50_000)})
    copy.fetch(commit)
    for path in copy.folder.glob("objects/**/*.pack"):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:2000])
    for path in copy.folder.glob("objects/??/*"):
        path.chmod(0o644)
        path.write_bytes(b"")
    with pytest.raises(ColdforgeError) as caught:
        copy.fetch(commit)
        read(copy, commit)
    assert caught.value.hint == f"run: rm -r {copy.folder}"


def test_an_object_that_is_not_there_is_named(forge: Forge, copy: Repository) -> None:
    commit = forge.commit("o/n", {"a": b"one"})
    copy.fetch(commit)
    with (
        copy.blobs() as blob,
        pytest.raises(ColdforgeError, match="object 0123456789") as caught,
    ):
        blob("0123456789" * 4)
    assert caught.value.hint == f"run: rm -r {copy.folder}"


FETCH = """
import sys
from pathlib import Path
from coldforge.mirror.origins.git.forge import Commit
from coldforge.mirror.origins.git.repository import Repository
Repository(Path(sys.argv[1])).fetch(Commit("github:o/n", sys.argv[2]))
"""


def test_runs_at_the_same_time_do_not_disturb_each_other(forge: Forge, copy: Repository) -> None:
    commits = [forge.commit("o/n", {"a": text}) for text in (b"one", b"two")]
    runs = [
        subprocess.Popen([sys.executable, "-c", FETCH, str(copy.folder), commit.hex])
        for commit in commits * 2
    ]
    assert [run.wait() for run in runs] == [0, 0, 0, 0]
    assert [read(copy, commit) for commit in commits] == [{"a": b"one"}, {"a": b"two"}]


def test_a_submodule_is_listed_with_its_commit(forge: Forge, copy: Repository) -> None:
    inner = forge.commit("o/inner", {"b": b"b"})
    outer = forge.commit("o/n", {"a": b"a", "third/inner": inner})
    copy.fetch(outer)
    assert copy.tree(outer)[1] == TreeEntry("160000", inner.hex, "third/inner")
