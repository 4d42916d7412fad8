from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from coldforge.errors import UnknownNameError
from coldforge.evidence.components import of_entry
from coldforge.mirror import origins as package
from coldforge.mirror.fetch import fetch
from coldforge.mirror.missing import entries_read
from coldforge.mirror.origins import origin as door
from coldforge.mirror.origins.origin import check_origins, locators, origin_of
from coldforge.mirror.resolve import resolve
from coldforge.mirror.status import fetchable, missing
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, Lock, LockedStack, check_lock, read_lock, write_lock
from coldforge.stack.recipe import LayerRecipe
from coldforge.stack.stack import Stack, StackFile

SHELF = '''
"""Tools that lie in a folder of the checkout."""

from collections.abc import Iterable
from pathlib import Path

from coldforge.files.digest import sha256_file
from coldforge.mirror.origins.origin import Identity, Locator, Origin, Request, Resolved
from coldforge.mirror.origins.origin import generic_url
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry
from coldforge.stack.stack import Stack


class Shelf(Origin):
    names = ("shelf",)
    settings = "the shelf"
    shared = True

    def resolve(self, request: Request) -> Resolved:
        path = request.space.root / "shelf" / "make-4.tar"
        entries = [
            Entry(use, "shelf", "make", "4", path.name, path.stat().st_size, sha256_file(path))
            for use in request.stack.layers
        ]
        return Resolved(entries)

    def locator(self, name: str, stack: Stack, space: Workspace) -> Locator:
        opened.append(name)
        return ShelfLocator(space.root / "shelf")

    def identify(self, entry: Entry) -> Identity:
        return Identity("file", entry.name, generic_url(entry.path, entry.version, entry.sha256))


class ShelfLocator(Locator):
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def candidates(self, entry: Entry) -> Iterable[str]:
        return [(self.folder / entry.path).as_uri()]


opened: list[str] = []
ORIGIN = Shelf()
'''
STACK = Stack("small", StackFile("", 0, ["tools"]), {"tools": LayerRecipe("")}, {})


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A checkout whose tool has one origin more: a file in a folder of the package."""
    added = tmp_path / "added"
    added.mkdir()
    (added / "shelf.py").write_text(SHELF)
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "make-4.tar").write_bytes(b"make")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(added)])
    door.origins.cache_clear()
    yield Workspace(tmp_path)
    door.origins.cache_clear()


def test_an_origin_is_added_by_its_own_file_alone(shelf: Workspace) -> None:
    lock = resolve(shelf, STACK, set())
    write_lock(shelf.lock("small"), lock)
    lock = read_lock(shelf.lock("small"))
    check_lock(lock, STACK)
    check_origins(lock)
    (entry,) = lock.entries
    assert (entry.use, entry.origin, entry.name, entry.size) == ("tools", "shelf", "make", 4)
    assert entries_read(STACK, lock) == fetchable(LockedStack(STACK, lock)) == [entry]

    store, places = Store(shelf.mirror / "blobs"), locators(STACK, shelf)
    (absent,) = missing(store, lock, places)
    assert absent.source == (shelf.root / "shelf" / "make-4.tar").as_uri()
    assert fetch(store, lock.entries, places).blobs == 1
    assert store.has(entry.sha256, 4)
    url = f"pkg:generic/make-4.tar@4?checksum=sha256:{entry.sha256}"
    assert of_entry(entry, "tools", inside=True).purl == url


def test_its_pins_are_taken_over_by_a_new_stack_that_shares_the_layer(shelf: Workspace) -> None:
    other = Lock(1, "other", STACK.requests(), [], resolve(shelf, STACK, set()).entries)
    write_lock(shelf.lock("other"), other)
    seen = []
    shared = door.origins()["shelf"]

    class Spy:
        names, shared = ("shelf",), True

        def resolve(self, request: door.Request) -> door.Resolved:
            seen.extend(request.previous)
            return shared.resolve(request)

    door.origins()["shelf"] = Spy()  # type: ignore[assignment]
    resolve(shelf, STACK, set())
    assert seen == other.entries


def test_an_origin_is_opened_when_it_is_asked_and_once(shelf: Workspace) -> None:
    places = locators(STACK, shelf)
    opened = __import__("sys").modules["coldforge.mirror.origins.shelf"].opened
    opened.clear()
    assert places["shelf"]() is places["shelf"]()
    assert opened == ["shelf"]


def test_every_origin_of_a_lock_is_there() -> None:
    assert set(door.origins()) >= {"debian", "file", "git", "lfs", "python", "registry"}


def test_an_entry_of_an_unknown_origin_is_refused() -> None:
    entry = Entry("base", "shelf", "make", "4", "make-4.tar", 4, "0" * 64)
    with pytest.raises(UnknownNameError, match="unknown origin 'shelf'"):
        origin_of(entry)
    known = msgspec.structs.replace(entry, origin="debian")
    with pytest.raises(UnknownNameError):
        check_origins(Lock(1, "small", {}, [], [known, entry]))
