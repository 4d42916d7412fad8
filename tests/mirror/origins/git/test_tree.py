import os
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.mirror.origins.git.forge import Commit
from coldforge.mirror.origins.git.tree import source_tree
from coldforge.paths import Workspace
from coldforge.stack.profile import Compile, Profile
from tests.mirror.forge import Forge


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forge:
    return Forge(tmp_path, monkeypatch)


def profile(source: Commit | str, **more: Any) -> Profile:
    repository, commit = source if isinstance(source, Commit) else (source, "")
    return Profile(
        summary="",
        repository=repository,
        commit=commit,
        versions={},
        build=Compile(command=[]),
        **more,
    )


def listed(space: Workspace, chosen: Profile) -> dict[str, tuple[str, bytes]]:
    with source_tree(space, chosen) as leaves:
        return {path: (leaf.kind, leaf.read()) for path, leaf in sorted(leaves.items())}


def nested(forge: Forge) -> tuple[Commit, dict[str, str]]:
    """A tree with a submodule that has a submodule."""
    deep = forge.commit("o/deep", {"d.h": b"deep\n"})
    inner = forge.commit("o/inner", {"i.h": b"inner\n", "parts/deep": deep})
    outer = forge.commit("o/n", {"run*": b"#!/bin/sh\n", "link": "run", "3rdparty/inner": inner})
    return outer, {"3rdparty/inner": str(inner), "3rdparty/inner/parts/deep": str(deep)}


def test_submodules_lie_at_their_places_with_a_mark(forge: Forge, workspace: Workspace) -> None:
    outer, named = nested(forge)
    assert listed(workspace, profile(outer, submodules=named)) == {
        "3rdparty/inner/.git": ("file", b""),
        "3rdparty/inner/i.h": ("file", b"inner\n"),
        "3rdparty/inner/parts/deep/.git": ("file", b""),
        "3rdparty/inner/parts/deep/d.h": ("file", b"deep\n"),
        "link": ("symlink", b"run"),
        "run": ("executable", b"#!/bin/sh\n"),
    }


def test_a_file_knows_the_repository_it_is_from(forge: Forge, workspace: Workspace) -> None:
    outer, named = nested(forge)
    with source_tree(workspace, profile(outer, submodules=named)) as leaves:
        assert leaves["run"].source == f"{outer}/run"
        assert leaves["3rdparty/inner/i.h"].source == f"{named['3rdparty/inner']}/i.h"


@pytest.mark.parametrize("path", ["3rdparty/inner", "3rdparty/inner/parts/deep"])
def test_a_submodule_that_the_profile_does_not_name_is_named(
    forge: Forge, workspace: Workspace, path: str
) -> None:
    outer, named = nested(forge)
    commit = named.pop(path).partition("@")[2]
    with pytest.raises(ColdforgeError, match="the profile does not name it") as caught:
        listed(workspace, profile(outer, submodules=named))
    assert f"'{path}' at {commit}" in caught.value.message
    assert f'"{path}" = "github:OWNER/NAME@{commit}"' in caught.value.hint


def test_a_submodule_at_another_commit_is_named_with_both(
    forge: Forge, workspace: Workspace
) -> None:
    outer, named = nested(forge)
    held = named["3rdparty/inner"]
    named["3rdparty/inner"] = "github:o/inner@" + "0123456789" * 4
    with pytest.raises(ColdforgeError, match="the profile says 0123456789") as caught:
        listed(workspace, profile(outer, submodules=named))
    assert held.partition("@")[2] in caught.value.message
    assert f'"3rdparty/inner" = "{held}"' in caught.value.hint


def test_a_submodule_that_the_tree_does_not_hold_is_named(
    forge: Forge, workspace: Workspace
) -> None:
    plain = forge.commit("o/n", {"a": b"a"})
    with pytest.raises(ColdforgeError, match="submodule 'x', but the tree"):
        listed(workspace, profile(plain, submodules={"x": str(plain)}))


def test_what_no_build_reads_is_left_out(forge: Forge, workspace: Workspace) -> None:
    files = dict.fromkeys(["docs/a.md", "docs/b/c.png", "docs.py", "LICENSE"], b"")
    commit = forge.commit("o/n", files)
    kept = listed(workspace, profile(commit, without=["docs", "LICENSE"]))
    assert list(kept) == ["docs.py"]


def test_leaving_out_what_is_not_there_is_an_error(forge: Forge, workspace: Workspace) -> None:
    commit = forge.commit("o/n", {"doc/a.md": b""})
    with pytest.raises(ColdforgeError, match="leaves out 'docs'"):
        listed(workspace, profile(commit, without=["docs"]))


def test_a_folder_of_the_checkout_is_listed_without_litter(workspace: Workspace) -> None:
    top = workspace.root / "fixtures" / "release"
    for name in ("src/a.py", "src/__pycache__/a.pyc", "b.pyc", "c.txt~", ".git/HEAD", ".x.swp"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name, "utf-8")
    (top / "run").write_text("#!/bin/sh\n", "utf-8")
    (top / "run").chmod(0o700)
    (top / "link").symlink_to("src")
    assert listed(workspace, profile("fixtures/release")) == {
        "link": ("symlink", b"src"),
        "run": ("executable", b"#!/bin/sh\n"),
        "src/a.py": ("file", b"src/a.py"),
    }


def test_a_folder_that_is_not_there_is_named(workspace: Workspace) -> None:
    with pytest.raises(MissingInputError, match="no source folder 'fixtures/none'"):
        listed(workspace, profile("fixtures/none"))


def test_a_pipe_in_a_folder_is_refused(workspace: Workspace) -> None:
    os.mkfifo(workspace.root / "docker" / "pipe")
    with pytest.raises(ColdforgeError, match="docker/pipe is neither file nor symlink"):
        listed(workspace, profile("docker"))
