import errno
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.mirror import fetch as fetch_module
from coldforge.mirror.add import add
from coldforge.mirror.fetch import Fetched, fetch, fetch_stack
from coldforge.mirror.http import download
from coldforge.mirror.settings import pip
from coldforge.mirror.settings.pip import PipConfig
from coldforge.mirror.status import count_uses, missing_entries, needs_fetch, to_bring, verify
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, chain, read_lock, write_lock
from tests.mirror.handmade import checkout, tensorrt
from tests.mirror.server import BIG, Server, at, entry_of, leftovers, whole

pytestmark = pytest.mark.usefixtures("impatient")


def test_missing_blobs_arrive_verified_and_nothing_is_left_over(
    server: Server, store: Store
) -> None:
    entries = [server.add(f"file{number}", bytes([number]) * 5000) for number in range(20)]
    done = fetch(store, entries, at(f"{server.base}/plain"))
    assert done == Fetched(20, 100_000, 0)
    assert all(whole(store, entry) for entry in entries)
    assert leftovers(store) == []


def test_what_is_there_is_not_asked_for_again(server: Server, store: Store) -> None:
    old, new = server.add("old", b"old"), server.add("new", b"new")
    fetch(store, [old], at(f"{server.base}/plain"))
    assert fetch(store, [old, new], at(f"{server.base}/plain")) == Fetched(1, 3, 1)
    assert Counter(name for _, name, _ in server.asked) == {"old": 1, "new": 1}


def test_nothing_to_do_opens_no_origin_and_takes_no_time(server: Server, store: Store) -> None:
    entries = [server.add(f"file{number}", bytes([number])) for number in range(250)]
    fetch(store, entries, at(f"{server.base}/plain"))
    started = time.process_time()
    assert fetch(store, entries, {}) == Fetched(0, 0, 250)
    assert time.process_time() - started < 0.1


def test_two_uses_of_one_file_are_fetched_once(server: Server, store: Store) -> None:
    entry = server.add("shared", BIG)
    again = Entry("other", *(getattr(entry, name) for name in Entry.__struct_fields__[1:]))
    assert fetch(store, [entry, again], at(f"{server.base}/plain")).blobs == 1
    assert len(server.asked) == 1


def test_an_empty_file_can_be_fetched(server: Server, store: Store) -> None:
    entry = server.add("empty", b"")
    fetch(store, [entry], at(f"{server.base}/plain"))
    assert store.has(entry.sha256, 0)


def test_the_biggest_comes_first(server: Server, store: Store) -> None:
    entries = [server.add(str(size), b"x" * size) for size in (10, 1000, 100)]
    fetch(store, entries, at(f"{server.base}/plain"), jobs=1)
    assert [name for _, name, _ in server.asked] == ["1000", "100", "10"]


def test_everything_missing_is_reported_at_once(
    server: Server, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    good, gone = server.add("good", b"good"), entry_of("gone", b"gone")
    other, bad = entry_of("other", b"other"), server.add("bad", b"bad")
    server.files["bad"] = b"BAD"
    with pytest.raises(MissingInputError, match="3 of 4 files could not be fetched") as caught:
        fetch(store, [gone, good, other, bad], at(f"{server.base}/plain"))
    assert caught.value.hint
    assert caught.value.exit_code == 3
    lines = [line for line in capsys.readouterr().err.splitlines() if "missing:" in line]
    assert [line.split()[2] for line in lines] == ["bad", "gone", "other"]
    assert "other bytes" in lines[0]
    assert "HTTP 404" in lines[1]
    assert store.has(good.sha256, good.size)


def test_a_file_no_origin_lists_says_so(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MissingInputError):
        fetch(store, [entry_of("gone", b"gone")], at())
    assert "no origin lists it" in capsys.readouterr().err


def test_credentials_are_not_printed(
    server: Server, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    base = server.base.replace("://", "://user:secret@")
    with pytest.raises(MissingInputError):
        fetch(store, [entry_of("gone", b"gone")], at(f"{base}/plain"))
    said = capsys.readouterr().err
    assert "HTTP 404" in said
    assert "secret" not in said


def test_a_local_file_is_copied(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a b+c").write_bytes(BIG)
    entry = entry_of("a b+c", BIG)
    origin: Any = type("O", (), {"candidates": lambda _, e: [(tmp_path / e.path).as_uri()]})()
    fetch(store, [entry], {"python": lambda: origin})
    assert whole(store, entry)
    assert (tmp_path / "a b+c").exists()


@pytest.mark.parametrize("content", [BIG[::-1], BIG[:-1], None])
def test_a_wrong_local_file_is_passed_over(
    server: Server, store: Store, tmp_path: Path, content: bytes | None
) -> None:
    entry = server.add("big", BIG)
    if content:
        (tmp_path / "big").write_bytes(content)
    fetch(store, [entry], at(tmp_path.as_uri(), f"{server.base}/plain"))
    assert whole(store, entry)


def test_a_full_disk_is_seen_before_anything_is_fetched(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = server.add("big", BIG)
    usage = shutil.disk_usage(store.root.parent)._replace(free=1000)
    monkeypatch.setattr(fetch_module.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ColdforgeError, match=r"is full: needs 300.0 kB, has 1.0 kB") as caught:
        fetch(store, [entry], at(f"{server.base}/plain"))
    assert caught.value.hint
    assert server.asked == []


def test_a_disk_that_fills_up_is_one_line_and_the_same_command_continues(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [server.add(str(number), BIG + bytes([number])) for number in range(4)]
    real, left = download._write, [200_000]

    def limited(part: Any, chunk: bytes) -> None:
        left[0] -= len(chunk)
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(part, chunk)

    monkeypatch.setattr(download, "_write", limited)
    with pytest.raises(ColdforgeError, match="is full: no space left"):
        fetch(store, entries, at(f"{server.base}/plain"))
    assert all(store.intact(path) for path in store.blobs())
    monkeypatch.setattr(download, "_write", real)
    fetch(store, entries, at(f"{server.base}/plain"))
    assert all(whole(store, entry) for entry in entries)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")
def test_a_real_full_disk_leaves_nothing_wrong(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        store = Store(place / "blobs")
        entries = [server.add(str(number), BIG + bytes([number])) for number in range(3)]
        monkeypatch.setattr(fetch_module, "_check_room", lambda *_: None)
        with pytest.raises(ColdforgeError, match="is full"):
            fetch(store, entries, at(f"{server.base}/plain"))
        assert all(store.intact(path) for path in store.blobs())
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_two_fetches_at_once_do_not_disturb_each_other(server: Server, store: Store) -> None:
    entries = [server.add(str(number), BIG + bytes([number])) for number in range(6)]
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(fetch, store, entries, at(f"{server.base}/slow"), 3) for _ in range(2)]
        for job in jobs:
            job.result()
    assert all(whole(store, entry) for entry in entries)
    assert len(server.asked) == len(entries)
    assert leftovers(store) == []


def test_a_blob_published_between_opening_and_locking_is_left_alone(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = server.add("big", BIG)
    real = fetch_module.take

    def late(handle: int, **named: Any) -> None:
        monkeypatch.setattr(fetch_module, "take", real)
        store.partial(entry.sha256).write_bytes(BIG)
        store.publish(store.partial(entry.sha256), entry.sha256)
        real(handle, **named)

    monkeypatch.setattr(fetch_module, "take", late)
    fetch(store, [entry], at(f"{server.base}/plain"))
    assert whole(store, entry)
    assert server.asked == []
    assert leftovers(store) == []


def test_ctrl_c_stops_soon_and_keeps_what_arrived(
    server: Server, store: Store, tmp_path: Path
) -> None:
    entries = [server.add(str(number), BIG * 20 + bytes([number])) for number in range(2)]
    process = start(entries, server, store, tmp_path)
    wait_for(lambda: len(server.asked) == 2)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) != 0
    assert sum(path.stat().st_size for path in leftovers(store)) > 0


def test_killed_at_ten_random_moments_it_still_completes(
    server: Server, store: Store, tmp_path: Path
) -> None:
    chance = random.Random()
    entries = [server.add(str(number), chance.randbytes(150_000 * number)) for number in range(12)]
    killed = 0
    for _ in range(10):
        before = len(server.asked)
        process = start(entries, server, store, tmp_path)
        wait_for(lambda: len(server.asked) > before or process.poll() is not None)  # noqa: B023
        time.sleep(chance.uniform(0.0, 0.35))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        assert all(store.intact(path) for path in store.blobs())
    assert killed >= 5
    fetch(store, entries, at(f"{server.base}/slow"))
    assert all(whole(store, entry) for entry in entries)
    assert verify(store, []).damaged == []
    assert leftovers(store) == []
    assert any(offset for _, _, offset in server.asked)


def start(
    entries: list[Entry], server: Server, store: Store, folder: Path
) -> subprocess.Popen[bytes]:
    """Run a fetch in a process of its own."""
    script = """
import json, signal, sys
from pathlib import Path
import msgspec
# Started in the background, the suite ignores SIGINT, and so would its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
from coldforge.mirror.fetch import fetch
from coldforge.mirror.store import Store
from coldforge.stack.lock import Entry
entries, base, root = json.loads(Path(sys.argv[1]).read_text())
class Fixed:
    def candidates(self, entry): return [f"{base}/slow/{entry.path}"]
fetch(Store(Path(root)), msgspec.convert(entries, list[Entry]), {"python": Fixed}, 4)
"""
    told = folder / "told.json"
    listed = [{name: getattr(e, name) for name in e.__struct_fields__} for e in entries]
    told.write_text(json.dumps([listed, server.base, str(store.root)]))
    command = [sys.executable, "-c", script, str(told)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for(true: Callable[[], bool], patience: float = 20.0) -> None:
    end = time.monotonic() + patience
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def space(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Stacks `top` and `shop`, each locking one wheel that a folder offers."""
    links = workspace.root / "links"
    links.mkdir()
    monkeypatch.setattr(pip, "read_pip", lambda: PipConfig(find_links=[str(links)]))
    checkout(workspace, ["tensorrt"])
    for name, use in (("top", "libraries"), ("shop", "compiler")):
        data = name.encode()
        (links / f"{name}.whl").write_bytes(data)
        entry = Entry(use, "python", name, "1", f"{name}.whl", len(data), sha256(data))
        lock = read_lock(workspace.lock(name))
        write_lock(workspace.lock(name), msgspec.structs.replace(lock, entries=[entry]))
    return workspace


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def store(space: Workspace) -> Store:
    return Store(space.mirror / "blobs")


def test_the_builder_s_files_are_fetched_too(space: Workspace) -> None:
    assert fetch_stack(space, "top") == Fetched(2, 7, 0)
    assert fetch_stack(space, "top") == Fetched(0, 0, 2)
    assert not needs_fetch(store(space), chain(space, "top"))


def test_a_file_nobody_pinned_is_shown_and_is_no_failure(
    space: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_stack(space, "top")
    assert "top needs 1 file that must be brought by hand" in capsys.readouterr().err


def test_a_pinned_file_that_is_gone_is_to_be_brought_after_all_else_is_fetched(
    space: Workspace, tmp_path: Path
) -> None:
    added = add(space, "top", tensorrt(tmp_path))
    store(space).path(added.sha256).unlink()
    with pytest.raises(MissingInputError) as caught:
        fetch_stack(space, "top")
    assert caught.value.message == "the mirror lacks what must be brought by hand: tensorrt"
    assert caught.value.hint == "run: ./invokew mirror.add --stack top FILE"
    assert all(store(space).has(sha256(name), len(name)) for name in (b"top", b"shop"))


def test_a_builder_s_file_that_cannot_be_had_does_not_stop_the_others(space: Workspace) -> None:
    (space.root / "links" / "shop.whl").unlink()
    with pytest.raises(MissingInputError) as caught:
        fetch_stack(space, "top")
    assert caught.value.message == "1 of 1 files could not be fetched"
    assert "configuration of pip" in caught.value.hint
    assert "mirror.add" in caught.value.hint
    assert store(space).has(sha256(b"top"), 3)


def test_a_count_names_the_builder(space: Workspace, tmp_path: Path) -> None:
    add(space, "top", tensorrt(tmp_path))
    links = chain(space, "top")
    found = [(use.use, use.present, use.missing) for use in count_uses(store(space), links)]
    assert found == [("shop/compiler", 1, 1), ("libraries", 1, 1)]


def test_what_must_be_brought_is_not_said_to_come_from_an_origin(
    space: Workspace, tmp_path: Path
) -> None:
    added = add(space, "top", tensorrt(tmp_path))
    store(space).path(added.sha256).unlink()
    links = chain(space, "top")
    files = missing_entries(space, store(space), links)
    assert [file.file for file in files] == ["shop.whl", "top.whl"]
    assert all(file.source.startswith("file://") for file in files)
    assert [(item.stack, item.name) for item in to_bring(store(space), links)] == [
        ("shop", "tensorrt"),
        ("top", "tensorrt"),
    ]
