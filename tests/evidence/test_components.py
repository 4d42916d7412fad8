from coldforge.evidence import generate
from coldforge.evidence.built_wheels import made
from coldforge.evidence.components import Component, components, licensed, locked
from coldforge.evidence.licences.licence import Declared
from tests.evidence.conftest import Image


def listed(image: Image) -> dict[str, Component]:
    with made(image.context, image.digest) as wheels:
        found = generate.licensed(image.context, wheels)
    assert len({one.ref for one in found}) == len(found)
    return {f"{one.kind} {one.name}": one for one in found}


def test_everything_is_there_once_and_known_to_be_inside_or_not(image: Image) -> None:
    assert {name: one.inside for name, one in listed(image).items()} == {
        "deb dash": True,
        "deb libdash": True,
        "file top.txt": True,
        "source demo": False,
        "wheel demo": True,
        "wheel setuptools": False,
        "wheel six": True,
    }


def test_a_wheel_built_here_says_from_what(image: Image) -> None:
    found = listed(image)
    made_from = {found["source demo"].sha256, found["wheel setuptools"].sha256}
    assert set(found["wheel demo"].sources) == made_from
    assert not found["wheel demo"].locked


def test_licences_are_those_the_packages_state(image: Image) -> None:
    found = listed(image)
    dash = "BSD-3-Clause AND (GPL-2.0-or-later OR LicenseRef-mysterious)"
    assert {name: one.licence.expression for name, one in found.items()} == {
        "deb dash": dash,
        "deb libdash": dash,
        "file top.txt": "NOASSERTION",
        "source demo": "MIT",
        "wheel demo": "MIT",
        "wheel setuptools": "MIT",
        "wheel six": "LicenseRef-Odd-Licence",
    }


def test_the_lock_s_things_are_a_part_of_all(image: Image) -> None:
    with made(image.context, image.digest) as wheels:
        everything = {one.sha256 for one in components(image.context, wheels)}
    assert {one.sha256 for one in locked(image.context)} < everything


def test_packages_that_refer_to_each_other_end_nowhere(image: Image) -> None:
    debs = [one for one in locked(image.context) if one.kind == "deb"]
    said = {debs[0].sha256: Declared(see=debs[1].name), debs[1].sha256: Declared(see=debs[0].name)}
    assert {one.licence.expression for one in licensed(debs, said)} == {"NOASSERTION"}
