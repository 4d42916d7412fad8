import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest
import requests.exceptions

from coldforge.errors import ColdforgeError
from coldforge.image.containers.step import _lines, _link, docker_errors, shares_files


def test_output_is_cut_into_lines_however_it_comes() -> None:
    pairs = [(b"on", b"err"), (b"e\ntwo\n\nth", None), (None, b"or\n"), (b"ree", None)]
    assert list(_lines(pairs)) == [b"one", b"two", b"", b"error", b"three"]
    assert list(_lines([])) == []


def test_an_input_is_shown_without_a_copy(tmp_path: Path) -> None:
    (tmp_path / "blob").write_text("x", "utf-8")
    (tmp_path / "blob").chmod(0o644)
    _link(tmp_path / "blob", tmp_path / "stage" / "debs" / "a.deb")
    assert (tmp_path / "stage" / "debs" / "a.deb").samefile(tmp_path / "blob")


@pytest.mark.parametrize(("mode", "shown"), [(0o600, 0o644), (0o700, 0o755), (0o664, 0o644)])
def test_an_input_of_an_unusual_mode_is_copied_and_shown_with_a_usual_one(
    tmp_path: Path, mode: int, shown: int
) -> None:
    (tmp_path / "script").write_text("x", "utf-8")
    (tmp_path / "script").chmod(mode)
    before = os.umask(0o077)
    try:
        _link(tmp_path / "script", tmp_path / "stage")
    finally:
        os.umask(before)
    assert (tmp_path / "stage").stat().st_mode & 0o777 == shown
    assert (tmp_path / "script").stat().st_mode & 0o777 == mode


SILENT = "Docker stopped answering during work"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            docker.errors.APIError("x", explanation="no such image"),
            "work: .* reports: no such image",
        ),
        (requests.exceptions.ConnectionError("reset"), SILENT),
        (docker.errors.DockerException("gone"), SILENT),
    ],
)
def test_an_engine_s_failure_is_one_line(error: Exception, said: str) -> None:
    with pytest.raises(ColdforgeError, match=said), docker_errors("work"):
        raise error


def test_our_own_errors_pass() -> None:
    with pytest.raises(ColdforgeError, match="as it is"), docker_errors("work"):
        raise ColdforgeError("as it is")


class Containers:
    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def create(self, *_: Any, **__: Any) -> Any:
        if self.error:
            raise self.error
        return SimpleNamespace(remove=lambda **_: None)


def asked(error: Exception | None, folder: Path) -> bool:
    client: Any = SimpleNamespace(containers=Containers(error))
    return shares_files(client, "image", folder)


def test_an_engine_that_binds_our_folder_shares_our_files(tmp_path: Path) -> None:
    assert asked(None, tmp_path)
    refused = docker.errors.APIError("bind source path does not exist")
    assert not asked(refused, tmp_path)


def test_a_missing_image_is_not_taken_for_a_far_engine(tmp_path: Path) -> None:
    with pytest.raises(docker.errors.ImageNotFound):
        asked(docker.errors.ImageNotFound("No such image"), tmp_path)
