import hashlib
from pathlib import Path

import msgspec
import pytest

from coldforge.errors import MissingInputError
from coldforge.mirror.add import add
from coldforge.mirror.chain import chain
from coldforge.mirror.fetch import Fetched
from coldforge.mirror.origins import pip
from coldforge.mirror.origins.pip import PipConfig
from coldforge.mirror.store import Store
from coldforge.mirror.supply import counted, fetches, obtainable, supply, unbrought
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, read_lock, write_lock
from tests.mirror.handmade import checkout, tensorrt


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
    assert supply(space, "top") == Fetched(2, 7, 0)
    assert supply(space, "top") == Fetched(0, 0, 2)
    assert not fetches(store(space), chain(space, "top"))


def test_a_file_nobody_pinned_is_shown_and_is_no_failure(
    space: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    supply(space, "top")
    assert "top needs 1 file that must be brought by hand" in capsys.readouterr().err


def test_a_pinned_file_that_is_gone_is_to_be_brought_after_all_else_is_fetched(
    space: Workspace, tmp_path: Path
) -> None:
    added = add(space, "top", tensorrt(tmp_path))
    store(space).path(added.sha256).unlink()
    with pytest.raises(MissingInputError) as caught:
        supply(space, "top")
    assert caught.value.message == "the mirror lacks what must be brought by hand: tensorrt"
    assert caught.value.hint == "run: ./invokew mirror.add --stack top FILE"
    assert all(store(space).has(sha256(name), len(name)) for name in (b"top", b"shop"))


def test_a_builder_s_file_that_cannot_be_had_does_not_stop_the_others(space: Workspace) -> None:
    (space.root / "links" / "shop.whl").unlink()
    with pytest.raises(MissingInputError) as caught:
        supply(space, "top")
    assert caught.value.message == "1 of 1 files could not be fetched"
    assert "configuration of pip" in caught.value.hint
    assert "mirror.add" in caught.value.hint
    assert store(space).has(sha256(b"top"), 3)


def test_a_count_names_the_builder(space: Workspace, tmp_path: Path) -> None:
    add(space, "top", tensorrt(tmp_path))
    links = chain(space, "top")
    found = [(use.use, use.present, use.missing) for use in counted(store(space), links)]
    assert found == [("shop/compiler", 1, 1), ("libraries", 1, 1)]


def test_what_must_be_brought_is_not_said_to_come_from_an_origin(
    space: Workspace, tmp_path: Path
) -> None:
    added = add(space, "top", tensorrt(tmp_path))
    store(space).path(added.sha256).unlink()
    links = chain(space, "top")
    files = obtainable(space, store(space), links)
    assert [file.file for file in files] == ["shop.whl", "top.whl"]
    assert all(file.source.startswith("file://") for file in files)
    assert [(item.stack, item.name) for item in unbrought(store(space), links)] == [
        ("shop", "tensorrt"),
        ("top", "tensorrt"),
    ]
