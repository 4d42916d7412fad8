"""The fixture release: pinned as it is, and named a fixture wherever it shows."""

from coldforge.mirror.origins.git.resolve import resolve_source
from coldforge.paths import Workspace
from coldforge.stack.lock import read_lock
from coldforge.stack.stack import read_stack
from tests.conftest import CHECKOUT

STACKS = ("trtllm-fixture", "trtllm-fixture-devel")


def test_the_lock_pins_the_sources_as_they_are() -> None:
    space = Workspace(CHECKOUT)
    profile = read_stack(space, STACKS[0]).profile
    assert profile
    use = "wheel/tensorrt_llm"
    (now,) = resolve_source(space, profile, use, [])
    (pinned,) = [e for e in read_lock(space.lock(STACKS[0])).of(use) if e.origin == "git"]
    assert now == pinned  # else run: ./invokew stack.lock --stack trtllm-fixture


def test_it_is_called_a_fixture_wherever_it_shows() -> None:
    for name in STACKS:
        stack = read_stack(Workspace(CHECKOUT), name)
        assert stack.profile
        assert stack.profile.fixture
        shown = [stack.file.summary, stack.profile.summary, *stack.file.image.labels.values()]
        assert all("fixture" in text for text in shown)
        assert "fixture" in stack.profile.carried["tensorrt"].purpose
