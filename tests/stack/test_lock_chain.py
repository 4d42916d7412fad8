import pytest

from coldforge.errors import ColdforgeError
from coldforge.paths import Workspace
from coldforge.stack.lock import chain
from tests.mirror.handmade import checkout


def test_a_stack_comes_after_its_builder(workspace: Workspace) -> None:
    links = chain(checkout(workspace), "top")
    assert [link.stack.name for link in links] == ["shop", "top"]
    assert [link.lock.stack for link in links] == ["shop", "top"]


def test_a_stack_that_builds_itself_is_refused(workspace: Workspace) -> None:
    checkout(workspace)
    shop = workspace.stacks / "shop.toml"
    shop.write_text('builder = "top"\n' + shop.read_text("utf-8"), "utf-8")
    with pytest.raises(ColdforgeError, match="its own builder: top → shop → top"):
        chain(workspace, "top")


def test_a_builder_without_a_lock_says_what_to_run(workspace: Workspace) -> None:
    checkout(workspace).lock("shop").unlink()
    with pytest.raises(ColdforgeError) as caught:
        chain(workspace, "top")
    assert caught.value.hint == "run: ./invokew stack.lock --stack shop"
