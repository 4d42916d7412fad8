"""The release profiles of this checkout say what they must, and say it once."""

import re
from pathlib import Path

import pytest

from coldforge.errors import UnknownNameError
from coldforge.stack.profile import Profile, read_profile

RELEASES = Path(__file__).parents[2] / "docker" / "releases"
NAMES = sorted(path.stem for path in RELEASES.glob("*.toml"))
PINNED = re.compile(r"github:[\w.-]+/[\w.-]+@[0-9a-f]{40}")


@pytest.fixture(params=NAMES)
def profile(request: pytest.FixtureRequest) -> Profile:
    return read_profile(RELEASES, request.param)


def test_a_release_is_named_by_a_whole_commit_or_is_a_fixture(profile: Profile) -> None:
    assert profile.fixture or re.fullmatch("[0-9a-f]{40}", profile.commit)


def test_every_submodule_is_pinned_by_a_whole_commit(profile: Profile) -> None:
    assert all(PINNED.fullmatch(where) for where in profile.submodules.values())


def test_what_the_build_links_is_among_the_large_files(profile: Profile) -> None:
    assert set(profile.build.needs) <= profile.large.keys()


def test_a_hand_carried_file_has_a_name_for_each_version_that_fits(profile: Profile) -> None:
    for carried in profile.carried.values():
        assert len(set(carried.names())) == len(carried.versions) > 0


def test_a_word_is_either_a_flag_or_known_not_to_be_one(profile: Profile) -> None:
    flags = {word for program in profile.programs.values() for word in program.flags}
    assert not flags & profile.unknown.keys()


def test_every_flag_is_spelled_as_a_long_option(profile: Profile) -> None:
    for program in profile.programs.values():
        assert all(flag.startswith("--") for flag in program.flags.values())


def test_releases_with_programs_answer_to_the_same_words() -> None:
    profiles = [read_profile(RELEASES, name) for name in NAMES]
    words = [
        {word for program in profile.programs.values() for word in program.flags}
        | profile.unknown.keys()
        for profile in profiles
        if profile.programs
    ]
    assert all(said == words[0] for said in words)


def test_an_unknown_release_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="0\\.5"):
        read_profile(RELEASES, "0.5")
