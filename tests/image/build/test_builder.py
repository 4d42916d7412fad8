"""A stack whose wheels are compiled in another stack's image."""

import pytest

from coldforge.errors import ColdforgeError, MissingInputError, NotFetchedError
from coldforge.image.build.build import build, build_context
from coldforge.image.build.cache import Cache
from coldforge.image.build.plan import compile_layers, plan
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, Lock, read_lock, write_lock
from tests.image.conftest import RELEASE, STACK, published

LONE = """\
summary = "One layer needs what somebody must bring"
epoch = 1
release = "one"
layers = ["sdk", "note"]
"""


@pytest.fixture
def pair(trio: Workspace) -> Workspace:
    """Stack `slim` takes the wheel that is compiled in the image of stack `trio`."""
    slim = STACK.replace('"base", "python", "top"', '"python"').replace(
        "epoch", 'builder = "trio"\nepoch'
    )
    (trio.stacks / "slim.toml").write_text(slim, "utf-8")
    lock = read_lock(trio.lock("trio"))
    requests = {use: lock.requests[use] for use in ("python", "wheel/demo")}
    entries = [entry for entry in lock.entries if entry.use != "base"]
    write_lock(trio.lock("slim"), Lock(1, "slim", requests, [], entries))
    return trio


@pytest.fixture
def lone(workspace: Workspace) -> Workspace:
    """Stack `lone`: one layer of a carried file, and above it one of a plain file."""
    files = {
        "docker/stacks/lone.toml": LONE,
        "docker/releases/one.toml": RELEASE,
        "docker/layers/sdk/layer.toml": 'summary = ""\n[inputs]\ncarried = ["sdk"]',
        "docker/layers/note/layer.toml": 'summary = ""\n[text]\n"/note" = "hello"',
    }
    for name, text in files.items():
        place = workspace.root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    requests = {"sdk": ["carried:sdk"], "note": []}
    write_lock(workspace.lock("lone"), Lock(1, "lone", requests, [], []))
    return workspace


def unwanted() -> None:
    raise AssertionError("no engine is needed")


def test_a_wheel_waits_for_the_builder_stack_not_for_its_own_layers(pair: Workspace) -> None:
    context = build_context(pair, "slim")
    steps = {item.name: item.why for item in plan(context, Cache(context.root / "cache"))}
    assert list(steps)[:2] == ["trio/base", "trio/wheel/demo"]
    assert steps["wheel/demo"] == ["waits for base"]
    assert steps["python"] == ["waits for demo"]


def test_a_wheel_is_compiled_in_every_layer_of_the_builder(pair: Workspace) -> None:
    context = build_context(pair, "slim")
    stack, layers = compile_layers(context, "python")
    assert (stack.name, layers) == ("trio", ["base", "python", "top"])


def test_a_builder_of_a_builder_is_refused(pair: Workspace) -> None:
    slim = (pair.stacks / "slim.toml").read_text("utf-8")
    (pair.stacks / "third.toml").write_text(slim.replace("trio", "slim"), "utf-8")
    lock = read_lock(pair.lock("slim"))
    write_lock(pair.lock("third"), Lock(1, "third", lock.requests, [], lock.entries))
    with pytest.raises(ColdforgeError, match="'slim' builds for 'third' and has a builder itself"):
        build_context(pair, "third")


def test_a_stack_that_names_itself_as_its_builder_is_refused(pair: Workspace) -> None:
    slim = (pair.stacks / "slim.toml").read_text("utf-8")
    (pair.stacks / "slim.toml").write_text(slim.replace("trio", "slim"), "utf-8")
    with pytest.raises(ColdforgeError, match="'slim' is its own builder"):
        build_context(pair, "slim")


def test_what_nobody_brought_is_planned_as_lacking(lone: Workspace) -> None:
    context = build_context(lone, "lone")
    steps = {item.name: item.why for item in plan(context, Cache(context.root / "cache"))}
    assert steps == {"sdk": ["lacks sdk-2.tar"], "note": ["never built here"]}


def test_what_can_be_made_is_made_before_missing_files_are_listed(
    lone: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    context = build_context(lone, "lone")
    with pytest.raises(MissingInputError, match=r"lone lacks files .*: sdk"):
        build(context, unwanted)  # type: ignore[arg-type]
    shown = capsys.readouterr().err
    for word in ("sdk-2.tar", "sdk-1.tar", "what the wheel links", "its maker", "mirror.add"):
        assert word in shown
    assert [item.why for item in plan(context, Cache(context.root / "cache")) if item.cached] == [
        []
    ]


def test_a_brought_file_is_lacking_no_more(lone: Workspace) -> None:
    entry = published(lone, "sdk", "file", "sdk", "sdk-1.tar")
    lock = read_lock(lone.lock("lone"))
    write_lock(lone.lock("lone"), Lock(1, "lone", lock.requests, [], [entry]))
    context = build_context(lone, "lone")
    steps = {item.name: item.why for item in plan(context, Cache(context.root / "cache"))}
    assert steps["sdk"] == ["never built here"]


@pytest.fixture
def unfetched(lone: Workspace) -> Workspace:
    """Stack `lone` with one more layer, of a wheel that is not in the mirror."""
    files = {"docker/layers/six/layer.toml": 'summary = ""\n[inputs]\npython = ["six"]'}
    files["docker/stacks/lone.toml"] = LONE.replace('"sdk", ', '"six", "sdk", ')
    files["docker/stacks/lone.toml"] += '[python]\nversion = "3.11"\nplatform = "linux"\n'
    for name, text in files.items():
        (lone.root / name).parent.mkdir(exist_ok=True)
        (lone.root / name).write_text(text, "utf-8")
    entry = Entry("six", "python", "six", "1", "six-1-py3-none-any.whl", 1, "0" * 64)
    requests = {"sdk": ["carried:sdk"], "note": [], "six": ["python:six"]}
    write_lock(lone.lock("lone"), Lock(1, "lone", requests, [], [entry]))
    return lone


def test_files_to_fetch_do_not_hide_files_to_bring(
    unfetched: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    context = build_context(unfetched, "lone")
    with pytest.raises(MissingInputError, match="must be brought: sdk") as caught:
        build(context, unwanted)  # type: ignore[arg-type]
    assert "run: ./invokew mirror.fetch --stack lone" in caught.value.hint
    assert "sdk-2.tar" in capsys.readouterr().err
    steps = {item.name: item.cached for item in plan(context, Cache(context.root / "cache"))}
    assert [name for name, digest in steps.items() if digest] == ["note"]


def test_a_file_to_fetch_is_named_after_all_else_is_made(unfetched: Workspace) -> None:
    brought = published(unfetched, "sdk", "file", "sdk", "sdk-1.tar")
    lock = read_lock(unfetched.lock("lone"))
    entries = [*lock.entries, brought]
    (unfetched.layers / "sdk" / "layer.toml").write_text(
        'summary = ""\nscript = "build.sh"\n[inputs]\ncarried = ["sdk"]', "utf-8"
    )
    (unfetched.layers / "sdk" / "build.sh").write_text("true", "utf-8")
    write_lock(unfetched.lock("lone"), Lock(1, "lone", lock.requests, [], entries))
    context = build_context(unfetched, "lone")
    with pytest.raises(NotFetchedError, match="the mirror lacks six 1"):
        build(context, unwanted)  # type: ignore[arg-type]
    steps = {item.name: item.cached for item in plan(context, Cache(context.root / "cache"))}
    assert steps["note"]


def test_a_fixture_says_so_wherever_it_shows(
    lone: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = lone.releases / "one.toml"
    profile.write_text(f"fixture = true\n{RELEASE}", "utf-8")
    (lone.layers / "sdk" / "layer.toml").write_text('summary = ""\n[text]\n"/a" = "b"', "utf-8")
    requests: dict[str, list[str]] = {"sdk": [], "note": []}
    write_lock(lone.lock("lone"), Lock(1, "lone", requests, [], []))
    context = build_context(lone, "lone")
    made = build(context, unwanted)  # type: ignore[arg-type]
    assert "note: lone is a fixture: A release" in capsys.readouterr().err
    labels = context.layout.read(made.config.digest)["config"]["Labels"]
    assert labels["coldforge.fixture"] == "A release"
