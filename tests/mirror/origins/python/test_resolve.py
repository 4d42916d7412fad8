import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.mirror.origins.python import resolve as module
from coldforge.mirror.origins.python.resolve import resolve_python
from coldforge.mirror.origins.python.simple_index import PythonLocator
from coldforge.mirror.settings.pip import PipConfig
from coldforge.stack.lock import Entry
from coldforge.stack.recipe import WheelRecipe
from coldforge.stack.stack import Python

IMAGE = Python("3.11", "x86_64-manylinux_2_36")


def metadata(name: str, version: str, requires: tuple[str, ...]) -> str:
    lines = ["Metadata-Version: 2.2", f"Name: {name}", f"Version: {version}"]
    return "\n".join([*lines, *(f"Requires-Dist: {item}" for item in requires), ""])


def wheel(
    name: str, version: str, requires: tuple[str, ...] = (), tag: str = "py3-none-any"
) -> tuple[str, bytes]:
    buffer, info = io.BytesIO(), f"{name}-{version}.dist-info"
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{info}/METADATA", metadata(name, version, requires))
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"{name}-{version}-{tag}.whl", buffer.getvalue()


def sdist(
    name: str, version: str, requires: tuple[str, ...] = (), setup: str = ""
) -> tuple[str, bytes]:
    """Make an sdist with static metadata, or with nothing but a setup.py."""
    files = {"setup.py": setup} if setup else {"PKG-INFO": metadata(name, version, requires)}
    if not setup:
        backend = (
            '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"'
        )
        files["pyproject.toml"] = f'{backend}\n[project]\nname = "{name}"\nversion = "{version}"\n'
        files["pyproject.toml"] += f"dependencies = {list(requires)}\n"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return f"{name}-{version}.tar.gz", buffer.getvalue()


class Index:
    """A Python index in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "files").mkdir(parents=True)
        (root / "simple").mkdir()
        self.url = (root / "simple").as_uri()

    def add(self, *files: tuple[str, bytes]) -> None:
        for name, data in files:
            (self.root / "files" / name).write_bytes(data)
            folder = self.root / "simple" / name.split("-")[0]
            folder.mkdir(exist_ok=True)
            sha256 = hashlib.sha256(data).hexdigest()
            with (folder / "index.html").open("a") as page:
                page.write(f'<a href="../../files/{name}#sha256={sha256}">{name}</a>\n')


class Lab:
    """Resolve against one index, remembering the pins."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._monkeypatch = folder, monkeypatch
        self.index = Index(folder / "index")
        self.pins: list[Entry] = []
        self.configure(PipConfig(indexes=[self.index.url]))

    def configure(self, pip: PipConfig) -> None:
        self._monkeypatch.setattr(module, "read_pip", lambda: pip)

    def resolve(
        self,
        asked: dict[str, list[str]],
        recipes: dict[str, WheelRecipe] | None = None,
        *update: str,
    ) -> dict[tuple[str, str], str]:
        """Give the file names by use and name."""
        cache = self.folder / "cache"
        entries = resolve_python(IMAGE, asked, recipes or {}, self.pins, set(update), cache)
        assert len({(entry.use, entry.name) for entry in entries}) == len(entries)
        self.pins = entries
        return {(entry.use, entry.name): entry.path for entry in entries}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    return Lab(tmp_path, monkeypatch)


def test_requirements_become_files_with_size_and_digest(lab: Lab) -> None:
    name, data = wheel("demo", "1.0", ("other>=1",))
    lab.index.add((name, data), wheel("other", "2.0"))
    found = lab.resolve({"python": ["demo"]})
    assert found == {("python", "demo"): name, ("python", "other"): "other-2.0-py3-none-any.whl"}
    entry = next(entry for entry in lab.pins if entry.name == "demo")
    assert (entry.size, entry.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (entry.origin, entry.version) == ("python", "1.0")


def test_the_best_wheel_for_the_image_is_taken(lab: Lab) -> None:
    lab.index.add(
        wheel("demo", "1.0"),
        wheel("demo", "1.0", tag="cp311-cp311-manylinux_2_28_x86_64"),
        wheel("demo", "1.0", tag="cp311-cp311-manylinux_2_38_x86_64"),
        wheel("demo", "1.0", tag="cp312-cp312-manylinux_2_28_x86_64"),
    )
    found = lab.resolve({"python": ["demo"]})
    assert found["python", "demo"] == "demo-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"


def test_a_local_version_among_find_links_wins(lab: Lab) -> None:
    lab.index.add(wheel("torch", "2.13.0"))
    name, data = wheel("torch", "2.13.0+cpu")
    (lab.folder / "links").mkdir()
    (lab.folder / "links" / name).write_bytes(data)
    links = [str(lab.folder / "links")]
    lab.configure(PipConfig(indexes=[lab.index.url], find_links=links))
    assert lab.resolve({"python": ["torch==2.13.0"]}) == {("python", "torch"): name}
    assert lab.pins[0].sha256 == hashlib.sha256(data).hexdigest()
    assert lab.pins[0].size == len(data)


def test_an_sdist_without_a_recipe_is_refused_by_name(lab: Lab) -> None:
    lab.index.add(wheel("demo", "1.0", ("source",)), sdist("source", "1.0"))
    with pytest.raises(ColdforgeError, match=r"'source' has no wheel for Python 3\.11") as caught:
        lab.resolve({"python": ["demo"]})
    assert "wheels/source/" in caught.value.hint


def test_a_package_with_a_recipe_is_built_from_source_even_if_a_wheel_exists(lab: Lab) -> None:
    lab.index.add(sdist("source", "1.0", ("other",)), wheel("source", "1.0", ("other",)))
    lab.index.add(wheel("other", "3"))
    recipes = {"src": WheelRecipe("", "source==1.0", [])}
    assert lab.resolve({"python": ["source==1.0"]}, recipes) == {
        ("wheel/src", "source"): "source-1.0.tar.gz",
        ("python", "other"): "other-3-py3-none-any.whl",
    }


def test_what_a_recipe_needs_to_be_built_is_resolved_apart(lab: Lab) -> None:
    lab.index.add(
        sdist("source", "1.0"),
        wheel("backend", "1.0", ("helper",)),
        wheel("backend", "2.0", ("helper",)),
        wheel("helper", "1.0"),
    )
    recipes = {"source": WheelRecipe("", "source==1.0", ["backend<2"])}
    found = lab.resolve({"python": ["source==1.0", "backend"]}, recipes)
    assert found["wheel/source", "backend"] == "backend-1.0-py3-none-any.whl"
    assert found["wheel/source", "helper"] == "helper-1.0-py3-none-any.whl"
    assert found["python", "backend"] == "backend-2.0-py3-none-any.whl"
    assert lab.resolve({"python": ["source==1.0", "backend"]}, recipes) == found


def test_a_later_layer_gets_only_what_earlier_ones_lack(lab: Lab) -> None:
    lab.index.add(wheel("low", "1"), wheel("mid", "1", ("low",)), wheel("high", "1", ("mid",)))
    found = lab.resolve({"base": [], "one": ["mid"], "two": ["high"]})
    assert sorted(found) == [("one", "low"), ("one", "mid"), ("two", "high")]


def test_layers_are_one_environment(lab: Lab) -> None:
    lab.index.add(wheel("low", "1"), wheel("low", "2"), wheel("high", "1", ("low<2",)))
    found = lab.resolve({"one": ["low"], "two": ["high"]})
    assert found["one", "low"] == "low-1-py3-none-any.whl"


def test_markers_are_judged_for_the_image(lab: Lab) -> None:
    needs = ("win; sys_platform == 'win32'", "old; python_version < '3.10'", "fits")
    lab.index.add(wheel("demo", "1", needs), wheel("fits", "1"))
    assert sorted(name for _, name in lab.resolve({"python": ["demo"]})) == ["demo", "fits"]


def test_pins_are_kept_until_they_are_told_to_move(lab: Lab) -> None:
    asked = {"python": ["one", "two"]}
    lab.index.add(wheel("one", "1"), wheel("two", "1"))
    before = lab.resolve(asked)
    pins = list(lab.pins)
    lab.index.add(wheel("one", "2"), wheel("two", "2"))
    assert lab.resolve(asked) == before
    assert lab.pins == pins
    assert lab.resolve(asked, None, "One") == {
        ("python", "one"): "one-2-py3-none-any.whl",
        ("python", "two"): "two-1-py3-none-any.whl",
    }
    assert lab.resolve(asked, None, "*")["python", "two"] == "two-2-py3-none-any.whl"


def test_a_kept_pin_keeps_its_file_when_a_better_one_appears(lab: Lab) -> None:
    lab.index.add(wheel("one", "1"))
    before = lab.resolve({"python": ["one"]})
    lab.index.add(wheel("one", "1", tag="cp311-cp311-manylinux_2_28_x86_64"))
    assert lab.resolve({"python": ["one"]}) == before
    assert lab.resolve({"python": ["one"]}, None, "one") != before


def test_a_pin_that_no_longer_fits_moves(lab: Lab) -> None:
    lab.index.add(wheel("one", "1"), wheel("one", "2"))
    lab.resolve({"python": ["one<2"]})
    assert lab.resolve({"python": ["one>=2"]})["python", "one"] == "one-2-py3-none-any.whl"


def test_nothing_is_built_on_this_machine(lab: Lab) -> None:
    ran = lab.folder / "ran"
    setup = f"open({str(ran)!r}, 'w'); from setuptools import setup; setup(name='source')"
    lab.index.add(sdist("source", "1.0", setup=setup))
    recipes = {"source": WheelRecipe("", "source==1.0", [])}
    with pytest.raises(ColdforgeError, match=r"the sdist of 'source==1\.0' does not") as caught:
        lab.resolve({"python": ["source==1.0"]}, recipes)
    assert caught.value.hint
    assert not ran.exists()


def test_an_index_that_does_not_answer_is_left_out_with_a_note(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.index.add(wheel("one", "1"))
    down = "http://user:secret@127.0.0.1:1/simple"
    lab.configure(PipConfig(indexes=[down, (lab.folder / "none").as_uri(), lab.index.url]))
    assert lab.resolve({"python": ["one"]}) == {("python", "one"): "one-1-py3-none-any.whl"}
    said = capsys.readouterr().err
    assert said.count("does not answer") == 2
    assert "secret" not in said


def test_a_silent_index_is_named_when_something_is_not_found(lab: Lab) -> None:
    down = "http://user:secret@127.0.0.1:1/simple"
    lab.configure(PipConfig(indexes=[down, lab.index.url]))
    with pytest.raises(ColdforgeError, match="nosuch") as caught:
        lab.resolve({"python": ["nosuch"]})
    assert "http://***@127.0.0.1:1/simple did not answer" in caught.value.hint
    assert "find-links" in caught.value.hint


def test_requirements_that_contradict_are_one_line_and_a_hint(lab: Lab) -> None:
    lab.index.add(wheel("one", "1"), wheel("two", "1", ("one>1",)))
    with pytest.raises(ColdforgeError, match="cannot resolve the Python packages") as caught:
        lab.resolve({"python": ["one==1", "two"]})
    assert "two" in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_package_nobody_has_is_named(lab: Lab) -> None:
    with pytest.raises(ColdforgeError, match="nosuch") as caught:
        lab.resolve({"python": ["nosuch"]})
    assert caught.value.hint


def test_a_requirement_that_is_none_is_named(lab: Lab) -> None:
    with pytest.raises(ColdforgeError, match="'one=1' is not a requirement"):
        lab.resolve({"python": ["one=1"]})


def test_no_index_uses_find_links_alone(lab: Lab) -> None:
    lab.index.add(wheel("one", "2"))
    name, data = wheel("one", "1")
    (lab.folder / name).write_bytes(data)
    lab.configure(PipConfig(no_index=True, find_links=[str(lab.folder)]))
    assert lab.resolve({"python": ["one"]}) == {("python", "one"): name}


def locked(name: str, data: bytes) -> Entry:
    sha256 = hashlib.sha256(data).hexdigest()
    return Entry("python", "python", "demo", "1.0", name, len(data), sha256)


def test_candidates_are_find_links_then_the_users_indexes_then_the_stacks(tmp_path: Path) -> None:
    name, data = wheel("demo", "1.0")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / name).write_bytes(data)
    own, publisher = Index(tmp_path / "own"), Index(tmp_path / "publisher")
    own.add((name, data))
    publisher.add((name, data))
    pip = PipConfig(indexes=[own.url], find_links=[str(tmp_path / "links")])
    urls = list(PythonLocator(pip, [publisher.url]).candidates(locked(name, data)))
    folders = (tmp_path / "links", own.root / "files", publisher.root / "files")
    assert urls == [(folder / name).as_uri() for folder in folders]


def test_a_file_of_the_name_with_another_hash_is_no_candidate(tmp_path: Path) -> None:
    name, data = wheel("demo", "1.0")
    index = Index(tmp_path / "index")
    index.add((name, b"other"))
    origin = PythonLocator(PipConfig(indexes=[index.url]), [])
    assert list(origin.candidates(locked(name, data))) == []


def test_candidates_of_origins_that_are_down_are_none(tmp_path: Path) -> None:
    pip = PipConfig(indexes=["http://127.0.0.1:1/simple"], find_links=[str(tmp_path / "none")])
    assert list(PythonLocator(pip, ["http://127.0.0.1:1/s"]).candidates(locked("d.whl", b""))) == []


def test_no_index_keeps_candidates_off_every_index(tmp_path: Path) -> None:
    name, data = wheel("demo", "1.0")
    index = Index(tmp_path / "index")
    index.add((name, data))
    origin = PythonLocator(PipConfig(no_index=True), [index.url])
    assert list(origin.candidates(locked(name, data))) == []


@pytest.mark.network
def test_the_users_real_index_answers(tmp_path: Path) -> None:
    entries = resolve_python(IMAGE, {"python": ["idna==3.10"]}, {}, [], set(), tmp_path)
    assert [entry.path for entry in entries] == ["idna-3.10-py3-none-any.whl"]
    assert entries[0].size > 50_000
