from pathlib import Path

import pytest

from coldforge.errors import NotFetchedError
from coldforge.evidence import licence_facts as room
from coldforge.evidence.built_wheels import made
from coldforge.evidence.components import Component, components
from coldforge.evidence.licence_facts import facts
from coldforge.files.code import PACKAGE
from tests.evidence.conftest import Image
from tests.structure import outside


def parts(image: Image) -> tuple[list[Component], dict[str, Path]]:
    with made(image.context, image.digest) as wheels:
        found = components(image.context, wheels)
    store = image.context.store
    return found, {one.sha256: store.path(one.sha256) for one in found if one.locked}


def test_what_was_read_once_is_remembered(image: Image, tmp_path: Path) -> None:
    found, paths = parts(image)
    found = [one for one in found if one.locked]
    first = facts(found, lambda one: paths[one.sha256], tmp_path / "memory.json")

    def refuse(one: Component) -> Path:
        raise AssertionError(one.name)

    assert facts(found, refuse, tmp_path / "memory.json") == first
    assert first[found[0].sha256].names == ["BSD-3-clause", "GPL-2+ or mysterious"]


@pytest.mark.parametrize("spoil", ["not json", '{"code": "other", "said": {}}', "{}"])
def test_a_memory_of_other_code_or_none_is_made_anew(
    image: Image, tmp_path: Path, spoil: str
) -> None:
    found, paths = parts(image)
    found = [one for one in found if one.locked]
    memory = tmp_path / "memory.json"
    first = facts(found, lambda one: paths[one.sha256], memory)
    memory.write_text(spoil, "utf-8")
    assert facts(found, lambda one: paths[one.sha256], memory) == first


def test_a_file_that_is_gone_is_an_error_and_not_silence(image: Image, tmp_path: Path) -> None:
    found, _ = parts(image)

    def gone(one: Component) -> Path:
        raise NotFetchedError("gone")

    with pytest.raises(NotFetchedError):
        facts(found, gone, tmp_path / "memory.json")
    assert not (tmp_path / "memory.json").exists()


def test_all_code_that_reads_licences_is_part_of_the_memory() -> None:
    covered = (*room.CODE, "errors.py", "progress.py")
    assert outside(PACKAGE, "evidence.licences", covered) == set()


@pytest.mark.parametrize("place", room.CODE)
def test_each_part_of_that_code_is_used(place: str) -> None:
    rest = [one for one in (*room.CODE, "errors.py", "progress.py") if one != place]
    assert outside(PACKAGE, "evidence.licences", rest) != set()
