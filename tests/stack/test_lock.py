import errno
import os
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.stack.lock import (
    Entry,
    Lock,
    Release,
    check_lock,
    lock_digest,
    read_lock,
    write_lock,
)
from coldforge.stack.recipe import Inputs, LayerRecipe
from coldforge.stack.stack import Stack, StackFile

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
WORD = st.text(string.ascii_letters + string.digits + "+-._", min_size=1, max_size=12)
PARTS = st.lists(WORD.filter(lambda part: part != ".."), min_size=1, max_size=3)
SHA256 = st.text("0123456789abcdef", min_size=64, max_size=64)


def sort_key(entry: Entry) -> tuple[str, ...]:
    return (entry.use, entry.origin, entry.name, entry.version, entry.path, entry.sha256)


ENTRIES = st.builds(
    Entry,
    use=TEXT,
    origin=st.sampled_from(["debian", "python"]),
    name=TEXT,
    version=TEXT,
    path=PARTS.map("/".join),
    size=st.integers(0, 2**62),
    sha256=SHA256,
    suite=TEXT,
)
LOCKS = st.builds(
    Lock,
    version=st.just(1),
    stack=WORD,
    requests=st.dictionaries(TEXT, st.lists(TEXT, max_size=3), max_size=3),
    releases=st.lists(
        st.builds(Release, suite=WORD, version=TEXT, date=TEXT, sha256=SHA256),
        max_size=3,
        unique_by=lambda release: release.suite,
    ),
    entries=st.lists(ENTRIES, max_size=5, unique_by=sort_key),
)
MANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def an_entry(**given_: object) -> Entry:
    values = {
        "use": "base",
        "origin": "debian",
        "name": "dash",
        "version": "1",
        "path": "pool/dash.deb",
        "size": 1,
        "sha256": "0" * 64,
    }
    return Entry(**(values | given_))  # type: ignore[arg-type]


@MANY
@given(lock=LOCKS)
def test_what_is_written_is_read_again(tmp_path: Path, lock: Lock) -> None:
    path = tmp_path / "any.lock"
    write_lock(path, lock)
    again = read_lock(path)
    assert sorted(again.entries, key=repr) == sorted(lock.entries, key=repr)
    assert sorted(again.releases, key=repr) == sorted(lock.releases, key=repr)
    assert (again.requests, again.stack) == (lock.requests, lock.stack)


@MANY
@given(lock=LOCKS)
def test_entries_are_sorted_whatever_order_they_come_in(tmp_path: Path, lock: Lock) -> None:
    path, other = tmp_path / "any.lock", tmp_path / "other.lock"
    write_lock(path, lock)
    keys = [sort_key(entry) for entry in read_lock(path).entries]
    assert keys == sorted(keys)
    turned = Lock(1, lock.stack, lock.requests, lock.releases[::-1], lock.entries[::-1])
    write_lock(other, turned)
    assert other.read_bytes() == path.read_bytes()


@MANY
@given(lock=LOCKS)
def test_writing_what_is_there_changes_nothing(tmp_path: Path, lock: Lock) -> None:
    path = tmp_path / "any.lock"
    path.unlink(missing_ok=True)
    assert write_lock(path, lock)
    digest, stamp = lock_digest(path), path.stat().st_mtime_ns
    assert not write_lock(path, read_lock(path))
    assert (lock_digest(path), path.stat().st_mtime_ns) == (digest, stamp)


def test_an_entry_is_one_line_of_a_diff(tmp_path: Path) -> None:
    path = tmp_path / "cpu.lock"
    write_lock(path, Lock(1, "cpu", {}, [], [an_entry(name="a"), an_entry(name="b")]))
    before = path.read_text().splitlines()
    moved = [an_entry(name="a"), an_entry(name="b", version="2")]
    write_lock(path, Lock(1, "cpu", {}, [], moved))
    after = path.read_text().splitlines()
    assert len(before) == len(after)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_a_write_that_fails_leaves_the_lock_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cpu.lock"
    write_lock(path, Lock(1, "cpu", {}, [], [an_entry()]))
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_lock(path, Lock(1, "cpu", {}, [], [an_entry(version="2")]))
    assert path.read_bytes() == before
    assert write_lock(path, Lock(1, "cpu", {}, [], [an_entry(version="2")]))
    assert [path.name for path in tmp_path.iterdir()] == ["cpu.lock"]


def test_a_reader_meets_a_complete_lock_or_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cpu.lock"
    old, new = (Lock(1, "cpu", {}, [], [an_entry(version=version)]) for version in "12")
    write_lock(path, old)
    sync, met = os.fsync, []

    def fsync(handle: int) -> None:
        met.append(read_lock(path).entries)
        sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write_lock(path, new)
    assert met
    assert all(entries in (old.entries, new.entries) for entries in met)
    assert met[0] == old.entries


@pytest.mark.parametrize(
    ("field", "first", "second"),
    [
        ("use", "base", "wheel/demo"),
        ("origin", "debian", "python"),
        ("name", "bash", "dash"),
        ("version", "1", "2"),
        ("path", "pool/a.deb", "pool/b.deb"),
        ("sha256", "0" * 64, "1" * 64),
    ],
)
def test_entries_that_differ_in_one_field_are_sorted_by_it(
    tmp_path: Path, field: str, first: str, second: str
) -> None:
    entries = [an_entry(**{field: value}) for value in (first, second)]
    written = []
    for order in (entries, entries[::-1]):
        write_lock(tmp_path / "cpu.lock", Lock(1, "cpu", {}, [], order))
        written.append((tmp_path / "cpu.lock").read_bytes())
        assert read_lock(tmp_path / "cpu.lock").entries == entries
    assert written[0] == written[1]


def test_a_missing_lock_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="stack 'cpu' has no lock") as caught:
        read_lock(tmp_path / "cpu.lock")
    assert caught.value.hint == "run: ./invokew stack.lock --stack cpu"


@pytest.mark.parametrize(
    "bad",
    [
        {"path": "https://example.org/dash.deb"},
        {"path": "/etc/passwd"},
        {"path": "pool/../../dash.deb"},
        {"sha256": "0" * 63},
        {"sha256": "G" * 64},
        {"size": -1},
    ],
)
def test_an_entry_that_is_no_entry_is_named(tmp_path: Path, bad: dict[str, object]) -> None:
    path = tmp_path / "cpu.lock"
    write_lock(path, Lock(1, "cpu", {}, [], [an_entry(**bad)]))
    with pytest.raises(ColdforgeError, match=r"cpu.lock: bad entry for dash \(base\)") as caught:
        read_lock(path)
    assert caught.value.hint


def test_another_format_is_refused(tmp_path: Path) -> None:
    write_lock(tmp_path / "cpu.lock", Lock(2, "cpu", {}, [], []))
    with pytest.raises(ColdforgeError, match="has format 2, this tool reads 1"):
        read_lock(tmp_path / "cpu.lock")


def test_a_file_cut_short_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "cpu.lock"
    write_lock(path, Lock(1, "cpu", {}, [], [an_entry()]))
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ColdforgeError, match=r"cpu.lock is not TOML"):
        read_lock(path)


def a_stack(*packages: str) -> Stack:
    recipe = LayerRecipe("", Inputs(debian=list(packages)))
    return Stack("cpu", StackFile("", 0, ["base"]), {"base": recipe}, {})


def a_lock(stack: Stack) -> Lock:
    return Lock(1, "cpu", stack.requests(), [], [])


def test_a_lock_that_matches_its_stack_passes() -> None:
    check_lock(a_lock(a_stack("dash", "bash")), a_stack("bash", "dash"))


def test_a_request_the_lock_lacks_is_named() -> None:
    with pytest.raises(ColdforgeError, match="lacks 'debian:tar', which base asks for") as caught:
        check_lock(a_lock(a_stack("dash")), a_stack("dash", "tar"))
    assert caught.value.hint == "run: ./invokew stack.lock --stack cpu"


def test_a_request_nobody_makes_any_more_is_named() -> None:
    with pytest.raises(ColdforgeError, match="holds 'debian:tar' for base"):
        check_lock(a_lock(a_stack("dash", "tar")), a_stack("dash"))
