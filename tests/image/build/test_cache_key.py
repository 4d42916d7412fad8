from collections.abc import Callable
from pathlib import Path

import pytest

from coldforge.files.code import PACKAGE
from coldforge.image.build import cache_key
from coldforge.image.build.build import build_context
from coldforge.image.build.plan import layer_description, wheel_description
from coldforge.paths import Workspace
from tests.structure import outside

BELOW = ["sha256:" + "1" * 64]
BUILT = {"demo": "sha256:" + "2" * 64}
Change = Callable[[Path], object]


def keys(space: Workspace) -> dict[str, str]:
    """Compute the key of every step of stack `trio`."""
    context = build_context(space, "trio")
    found = {
        name: cache_key.key(layer_description(context, name, BUILT, BELOW))
        for name in ("base", "python", "top")
    }
    wheel = wheel_description(context, "demo", "python", BELOW)
    return {**found, "wheel": cache_key.key(wheel)}


def edit(name: str, old: str, new: str) -> Change:
    def change(root: Path) -> None:
        text = (root / name).read_text("utf-8")
        assert old in text
        (root / name).write_text(text.replace(old, new, 1), "utf-8")

    return change


def digest_of(name: str) -> Change:
    """Change the digest that the lock holds of input `name`."""

    def change(root: Path) -> None:
        lock = root / "offline-mirror" / "trio.lock"
        lines = lock.read_text("utf-8").splitlines()
        (at,) = [number for number, line in enumerate(lines) if f'name = "{name}"' in line]
        head, _, tail = lines[at].partition('sha256 = "')
        lines[at] = head + 'sha256 = "' + ("0" if tail[0] != "0" else "1") + tail[1:]
        lock.write_text("\n".join(lines) + "\n", "utf-8")

    return change


def add(name: str, text: str) -> Change:
    return lambda root: (root / name).write_text(text, "utf-8")


def append(name: str, text: str) -> Change:
    return lambda root: add(name, (root / name).read_text("utf-8") + text)(root)


BASE, PYTHON, TOP = (f"docker/layers/{name}/layer.toml" for name in ("base", "python", "top"))
STACK, WHEEL = "docker/stacks/trio.toml", "wheels/demo/wheel.toml"
ALL = {"base", "python", "top", "wheel"}
SCRIPT = 'script = "build.sh"\n'

CHANGES: dict[str, tuple[Change, set[str]]] = {
    "a byte of a script": (edit("docker/layers/base/build.sh", "true", "True"), {"base"}),
    "the outputs": (edit(BASE, SCRIPT, SCRIPT + 'outputs = ["/opt"]\n'), {"base"}),
    "the capabilities": (edit(BASE, SCRIPT, SCRIPT + 'capabilities = ["CHOWN"]\n'), {"base"}),
    "a package's digest": (digest_of("dash"), {"base"}),
    "a wheel's digest": (digest_of("six"), {"python"}),
    "an sdist's digest": (digest_of("demo"), {"wheel"}),
    "a build requirement's digest": (digest_of("setuptools"), {"wheel"}),
    "a byte of an input file": (add("top.txt", "tip\n"), {"top"}),
    "where an input file goes": (edit(TOP, '"/top.txt"', '"/etc/top.txt"'), {"top"}),
    "a wheel recipe's environment": (append(WHEEL, '[env]\nCFLAGS = "-O1"\n'), {"wheel"}),
    "a byte of the wheel builder": (edit("wheels/build.py", "()", "( )"), {"wheel"}),
    "a patch beside a wheel recipe": (add("wheels/demo/fix.patch", "-"), {"wheel"}),
    "the environment at the bottom": (edit(BASE, "/usr/bin", "/bin"), {"base", "top", "wheel"}),
    "the environment of an assembled layer": (edit(PYTHON, '"1"', '"2"'), {"top"}),
    "the interpreter": (edit(STACK, '"3.11"', '"3.12"'), {"python"}),
    "the epoch": (edit(STACK, "epoch = 1", "epoch = 2"), ALL),
    "a layer's summary": (edit(BASE, "Packages", "Parcels"), set()),
    "a wheel recipe's summary": (edit(WHEEL, "From source", "From sdist"), set()),
    "the stack's summary": (edit(STACK, "Three", "Four less one"), set()),
    "a byte of a check": (edit("docker/layers/base/check.sh", "true", "false"), set()),
    "whether there is a check": (edit(BASE, 'check = "check.sh"\n', ""), set()),
    "a byte of a probe": (add("probes/one", "2\n"), set()),
    "where the probes are": (edit(BASE, 'probes = "probes"\n', ""), set()),
    "a label": (edit(STACK, "[python]", '[image]\nlabels = { a = "b" }\n[python]'), set()),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_reaches_what_it_decides_and_nothing_else(what: str, trio: Workspace) -> None:
    change, reached = CHANGES[what]
    before = keys(trio)
    change(trio.root)
    after = keys(Workspace(trio.root))
    assert {name for name, key in after.items() if key != before[name]} == reached


def test_our_own_code_reaches_everything(trio: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(trio)
    monkeypatch.setattr(cache_key, "code_digest", lambda *_: "another")
    assert not before.items() & keys(trio).items()


def test_the_layers_below_reach_what_runs_on_them(trio: Workspace) -> None:
    context = build_context(trio, "trio")
    for below in ([], ["sha256:" + "3" * 64], [*BELOW, *BELOW]):
        assert cache_key.key(layer_description(context, "top", {}, below)) != keys(trio)["top"]
        assert (
            cache_key.key(layer_description(context, "python", BUILT, below))
            == (keys(trio)["python"])
        )
        assert (
            cache_key.key(wheel_description(context, "demo", "python", below))
            != (keys(trio)["wheel"])
        )


def test_a_wheel_built_from_source_reaches_the_layer_that_takes_it(trio: Workspace) -> None:
    context = build_context(trio, "trio")
    other = {"demo": "sha256:" + "3" * 64}
    assert cache_key.key(layer_description(context, "python", other, BELOW)) != keys(trio)["python"]


def test_what_the_project_s_wheel_is_made_of_reaches_the_layer_that_holds_it(
    trio: Workspace,
) -> None:
    recipe = trio.layers / "top" / "layer.toml"
    recipe.write_text(recipe.read_text("utf-8") + "project = true\n", "utf-8")
    package = trio.root / "src" / "coldforge" / "report"
    (package / "__pycache__").mkdir(parents=True)
    for name in ("pyproject.toml", "LICENSE", "src/coldforge/__init__.py"):
        (trio.root / name).write_text("", "utf-8")
    before = keys(trio)
    (package / "__pycache__" / "page.cpython-311.pyc").write_text("", "utf-8")
    assert keys(trio) == before
    for name in ("page.py", "page.html", "page.css"):
        (package / name).write_text("new", "utf-8")
        after = keys(trio)
        assert {step for step in after if after[step] != before[step]} == {"top"}, name
        before = after


def test_where_a_checkout_lies_and_who_reads_it_does_not_matter(
    trio: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keys(trio)
    moved = trio.root.rename(tmp_path / "elsewhere")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.chdir("/")
    assert keys(Workspace(moved)) == before


def test_differences_are_said_in_words() -> None:
    old = {"input debian:dash 1": "a", "epoch": "1", "file build.sh": "x"}
    new = {"input debian:dash 2": "b", "epoch": "1", "file build.sh": "y"}
    assert cache_key.differences(old, new) == [
        "file build.sh changed",
        "gone input debian:dash 1",
        "new input debian:dash 2",
    ]
    assert cache_key.differences(old, dict(old)) == []


def test_all_code_that_makes_a_layer_or_a_wheel_is_in_its_key() -> None:
    covered = (*cache_key.LAYER_CODE, *cache_key.MESSAGES)
    assert outside(PACKAGE, "image.layers", covered) == set()


@pytest.mark.parametrize("place", cache_key.LAYER_CODE)
def test_each_part_of_the_code_in_a_key_decides_something(place: str) -> None:
    rest = [one for one in (*cache_key.LAYER_CODE, *cache_key.MESSAGES) if one != place]
    assert outside(PACKAGE, "image.layers", rest) != set()
