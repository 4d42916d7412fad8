from pathlib import Path

import pytest

from coldforge.bundle.packing.tool import RUNTIME, STACK, collect_tool
from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.paths import Workspace
from coldforge.stack.lock import read_lock, write_lock
from tests.bundle.sender import sending_site


def test_the_tool_is_a_runtime_libraries_and_the_checkout(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    tool, blobs = collect_tool(space)
    names = {blob.sha256: blob.name for blob in blobs}
    assert [names[one] for one in tool.runtime] == [f"{name} 1" for name in RUNTIME]
    assert list(tool.wheels.values()) == ["invoke-1-py3-none-any.whl"]
    assert names[tool.project] == "the checkout of coldforge"
    assert (tool.python, tool.revision) == ("3.11", "unknown")
    assert len(blobs) == len(RUNTIME) + 2


def test_a_runtime_that_the_lock_lacks_is_named(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    lock = read_lock(space.lock(STACK))
    left = [entry for entry in lock.entries if entry.name != "libssl3"]
    write_lock(space.lock(STACK), type(lock)(1, STACK, lock.requests, [], left))
    with pytest.raises(ColdforgeError, match="lacks libssl3"):
        collect_tool(space)


def test_a_library_that_would_have_to_be_built_there_is_refused(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    path = space.lock(STACK)
    text = path.read_text("utf-8").replace("invoke-1-py3-none-any.whl", "invoke-1.tar.gz")
    path.write_text(text, "utf-8")
    with pytest.raises(ColdforgeError, match="no wheel of invoke"):
        collect_tool(space)


def test_a_part_that_is_not_fetched_says_what_to_run(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    for blob in collect_tool(space).blobs:
        blob.path.unlink()
    with pytest.raises(MissingInputError) as caught:
        collect_tool(space)
    assert caught.value.hint == "run: ./invokew mirror.fetch --stack tool"


def test_the_checkouts_own_lock_names_the_whole_runtime(checkout: Path) -> None:
    lock = read_lock(Workspace(checkout).lock(STACK))
    assert set(RUNTIME) <= {entry.name for entry in lock.of("base") if entry.origin == "debian"}
    assert all(entry.path.endswith(".whl") for entry in lock.of(STACK))
