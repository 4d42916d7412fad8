import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.containers import step as container
from coldforge.image.containers.step import ContainerStep, finished
from tests.integration.conftest import BuildCheckout

pytestmark = pytest.mark.engine

Left = Callable[[str], list[Any]]


def run(engine: Any, step: ContainerStep, log: Path) -> str:
    with finished(engine, step, log):
        return log.read_text("utf-8")


@pytest.fixture
def step(debian: str, tmp_path: Path) -> Callable[..., ContainerStep]:
    """Make a step, named for one test, that runs a line of shell."""

    def make(line: str, **options: Any) -> ContainerStep:
        command = ["/bin/sh", "-euc", line]
        return ContainerStep(f"step of {tmp_path.name}", debian, command, **options)

    return make


def test_the_output_of_a_step_is_its_log(
    engine: Any, step: Callable[..., ContainerStep], tmp_path: Path
) -> None:
    line = "echo one; echo two >&2; printf three"
    run(engine, step(line), tmp_path / "deep" / "log")
    assert sorted((tmp_path / "deep" / "log").read_bytes().splitlines()) == [
        b"one",
        b"three",
        b"two",
    ]


def test_a_step_leaves_neither_container_nor_volume_nor_folder(
    engine: Any, step: Callable[..., ContainerStep], tmp_path: Path, left: Left
) -> None:
    (tmp_path / "input").write_text("x", "utf-8")
    for line in ("true", "exit 1"):
        work = step(line, inputs={"a/b": tmp_path / "input"})
        try:
            run(engine, work, tmp_path / "logs" / "log")
        except ColdforgeError as error:
            assert error.message == f"{work.name} failed with status 1"
        assert left(work.name) == []
        assert [path.name for path in (tmp_path / "logs").iterdir()] == ["log"]


def test_a_failing_step_shows_the_end_of_its_log(
    engine: Any,
    step: Callable[..., ContainerStep],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ColdforgeError, match="failed with status 4") as caught:
        run(engine, step("seq 100; echo the reason; exit 4"), tmp_path / "log")
    assert caught.value.hint == f"the whole log: {tmp_path / 'log'}"
    shown = capsys.readouterr().err
    assert "  | the reason" in shown
    assert "  | 86\n" not in shown


def test_a_read_only_step_can_write_only_to_tmp(
    engine: Any, step: Callable[..., ContainerStep], tmp_path: Path
) -> None:
    line = "id -u; touch /tmp/a; ! touch /opt/a; ! touch /a"
    said = run(engine, step(line, read_only=True, user="65534:65534"), tmp_path / "log")
    assert "65534" in said.splitlines()
    assert said.count("Read-only file system") == 2


def test_a_step_of_a_missing_image_fails_in_one_line(engine: Any, tmp_path: Path) -> None:
    step = ContainerStep("it", "localhost/coldforge/none:latest", ["true"])
    with pytest.raises(ColdforgeError, match=r"it: Docker reports: .*localhost/coldforge/none"):
        run(engine, step, tmp_path / "log")


def test_a_missing_command_fails_in_one_line(
    engine: Any, debian: str, tmp_path: Path, left: Left
) -> None:
    work = ContainerStep(f"none of {tmp_path.name}", debian, ["/bin/none"])
    with pytest.raises(ColdforgeError, match=r"Docker reports: .*/bin/none"):
        run(engine, work, tmp_path / "log")
    assert left(work.name) == []


def test_a_step_that_is_interrupted_leaves_nothing(
    engine: Any,
    step: Callable[..., ContainerStep],
    tmp_path: Path,
    left: Left,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(container, "_follow", interrupt)
    work = step("sleep 600")
    with pytest.raises(KeyboardInterrupt):
        run(engine, work, tmp_path / "log")
    assert left(work.name) == []


def test_inputs_by_volume_give_the_same_layer_as_by_bind(
    checkout: BuildCheckout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: Left
) -> None:
    """A Docker Engine on another machine gets its inputs by volume."""
    checkout.script(
        "mkdir /opt/in\ncp -r /coldforge/in/. /opt/in\n"
        "if touch /coldforge/in/new; then exit 9; fi\nls -d /coldforge/in/* >/opt/list"
    )
    bound = checkout.extra()
    monkeypatch.setattr(container, "shares_files", lambda *_: False)
    sent = checkout.extra(tmp_path / "elsewhere")
    with tarfile.open(sent) as archive:
        assert "opt/in/build.sh" in archive.getnames()
    assert sent.name == bound.name
    assert left("layer extra") == []
