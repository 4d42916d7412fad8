import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from coldforge.mirror.origins.git.resolve import GitLocator
from coldforge.mirror.origins.origin import Locator
from coldforge.mirror.status import Use, missing, status
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, Lock


def entry(use: str, name: str, size: int) -> Entry:
    sha256 = hashlib.sha256(name.encode() * size).hexdigest()
    return Entry(use, "python", name, "1", f"{name}.whl", size * len(name), sha256)


def put(store: Store, what: Entry) -> None:
    part = store.partial(what.sha256)
    part.write_bytes(bytes(what.size))
    store.publish(part, what.sha256)


class Somewhere(Locator):
    def candidates(self, what: Entry) -> Iterator[str]:
        if what.name != "nowhere":
            yield f"https://user:secret@example.org/{what.path}?token=secret"
        raise_if_asked_on = AssertionError("only the first place is of interest")
        if what.name != "nowhere":
            raise raise_if_asked_on


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_each_use_is_counted_in_files_and_bytes(store: Store) -> None:
    entries = [entry("base", "a", 10), entry("base", "b", 20), entry("python", "c", 40)]
    put(store, entries[1])
    assert status(store, Lock(1, "cpu", {}, [], entries)) == [
        Use("base", 1, 20, 1, 10),
        Use("python", 0, 0, 1, 40),
    ]


def test_a_missing_file_is_listed_once_with_its_first_source(store: Store) -> None:
    one = entry("wheel/a", "shared", 10)
    two = Entry("wheel/b", *(getattr(one, name) for name in Entry.__struct_fields__[1:]))
    there = entry("base", "there", 3)
    put(store, there)
    lock = Lock(1, "cpu", {}, [], [there, one, two])
    found = missing(store, lock, {"python": Somewhere})
    assert [(item.use, item.file) for item in found] == [("wheel/a", "shared.whl")]
    assert found[0].source == "https://***@example.org/shared.whl?***"


def test_a_file_nobody_offers_has_no_source(store: Store) -> None:
    lock = Lock(1, "cpu", {}, [], [entry("base", "nowhere", 1)])
    assert missing(store, lock, {"python": Somewhere})[0].source == ""


def test_nothing_missing_opens_no_origin(store: Store) -> None:
    there = entry("base", "there", 3)
    put(store, there)
    assert missing(store, Lock(1, "cpu", {}, [], [there]), {}) == []


def test_a_source_tree_is_not_fetched_to_say_where_it_comes_from(store: Store) -> None:
    tree = Entry("wheel/a", "git", "source", "1", "github:owner/name@1", 10, "0" * 64)
    places = {"git": lambda: GitLocator(Workspace(store.root), None)}
    (found,) = missing(store, Lock(1, "cpu", {}, [], [tree]), places)
    assert found.source == "github:owner/name@1"
