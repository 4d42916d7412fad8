import pytest

from coldforge.errors import ColdforgeError
from coldforge.mirror.origins.git.forge import Commit, commit_in, on_forge, parse_commit

HEX = "0123456789abcdef0123456789abcdef01234567"


def test_a_shorthand_becomes_the_forges_address() -> None:
    commit = parse_commit(f"github:owner/some.name@{HEX}")
    assert commit == Commit("github:owner/some.name", HEX)
    assert commit.url.endswith("/owner/some.name.git")
    assert str(commit) == f"github:owner/some.name@{HEX}"


def test_a_commit_is_found_at_the_front_of_a_path() -> None:
    assert commit_in(f"github:owner/name@{HEX}/lib/a@b.a") == Commit("github:owner/name", HEX)


def test_a_folder_is_on_no_forge() -> None:
    assert on_forge("github:owner/name")
    assert not on_forge("tests/fixtures/release")


@pytest.mark.parametrize(
    "repository",
    [
        *("", "github:", "github:owner", "elsewhere:owner/name", "github:a/b/c"),
        *("github:../name", "github:-u/name", "https://example.org/o/n", "github:owner/na me"),
    ],
)
def test_what_names_no_repository_is_refused(repository: str) -> None:
    with pytest.raises(ColdforgeError, match="is not a repository") as caught:
        parse_commit(f"{repository}@{HEX}")
    assert "github:owner/name" in caught.value.hint


@pytest.mark.parametrize("commit", ["", "v0.5.0", "0123456", HEX.upper(), HEX + "0"])
def test_what_may_move_is_no_commit(commit: str) -> None:
    with pytest.raises(ColdforgeError, match="is not a commit") as caught:
        parse_commit(f"github:owner/name@{commit}")
    assert "a tag can move" in caught.value.hint
