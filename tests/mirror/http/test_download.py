import pytest

from coldforge.errors import MissingInputError
from coldforge.mirror.fetch import fetch
from coldforge.mirror.store import Store
from tests.mirror.server import BIG, Server, at, leftovers, whole

pytestmark = pytest.mark.usefixtures("impatient")


def test_a_partial_file_is_continued_in_the_middle(server: Server, store: Store) -> None:
    entry = server.add("big", BIG)
    store.partial(entry.sha256).write_bytes(BIG[:100_000])
    assert fetch(store, [entry], at(f"{server.base}/plain")).size == 200_000
    assert server.asked == [("plain", "big", 100_000)]
    assert whole(store, entry)


def test_a_complete_partial_file_is_only_hashed(server: Server, store: Store) -> None:
    entry = server.add("big", BIG)
    store.partial(entry.sha256).write_bytes(BIG)
    fetch(store, [entry], at(f"{server.base}/plain"))
    assert server.asked == []
    assert whole(store, entry)


@pytest.mark.parametrize("held", [BIG[:50_000][::-1], BIG[::-1], BIG + b"more"])
def test_wrong_bytes_in_a_partial_file_are_thrown_away(
    server: Server, store: Store, held: bytes
) -> None:
    entry = server.add("big", BIG)
    store.partial(entry.sha256).write_bytes(held)
    fetch(store, [entry], at(f"{server.base}/plain"))
    assert whole(store, entry)
    assert server.asked[-1] == ("plain", "big", 0)


@pytest.mark.parametrize("manner", ["norange", "shifted", "refuse", "drop", "dropnorange", "flaky"])
@pytest.mark.parametrize("held", [0, 1000])
def test_a_bad_server_is_got_over(server: Server, store: Store, manner: str, held: int) -> None:
    entry = server.add("big", BIG)
    if held:
        store.partial(entry.sha256).write_bytes(BIG[:held])
    fetch(store, [entry], at(f"{server.base}/{manner}"))
    assert whole(store, entry)
    assert leftovers(store) == []


def test_a_dropped_connection_is_continued_where_it_broke(server: Server, store: Store) -> None:
    entry = server.add("big", BIG)
    fetch(store, [entry], at(f"{server.base}/drop"))
    assert [offset for _, _, offset in server.asked] == [0, 100_000, 200_000]


@pytest.mark.parametrize("manner", ["wrong", "longer", "endless", "down", "none"])
def test_the_next_candidate_is_tried(server: Server, store: Store, manner: str) -> None:
    entry = server.add("big", BIG)
    bad = f"{server.base}/{manner}" if manner != "none" else "http://127.0.0.1:1"
    fetch(store, [entry], at(bad, f"{server.base}/plain"))
    assert whole(store, entry)
    assert leftovers(store) == []


def test_a_partial_file_outlives_a_page_that_is_not_the_file(server: Server, store: Store) -> None:
    entry = server.add("big", BIG)
    store.partial(entry.sha256).write_bytes(BIG[:100_000])
    fetch(store, [entry], at(f"{server.base}/longer", f"{server.base}/plain"))
    assert server.asked[-1] == ("plain", "big", 100_000)


@pytest.mark.timeout(60)
def test_a_server_that_never_gets_further_is_given_up(server: Server, store: Store) -> None:
    entry = server.add("big", BIG)
    with pytest.raises(MissingInputError):
        fetch(store, [entry], at(f"{server.base}/stuck"))
    assert len(server.asked) <= 10


@pytest.mark.timeout(60)
@pytest.mark.parametrize("manner", ["wrong", "endless"])
def test_wrong_bytes_are_deleted(server: Server, store: Store, manner: str) -> None:
    entry = server.add("big", BIG)
    with pytest.raises(MissingInputError):
        fetch(store, [entry], at(f"{server.base}/{manner}"))
    assert not store.has(entry.sha256, entry.size)
    assert leftovers(store) == []
