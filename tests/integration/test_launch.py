import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.containers.launch import Launch, launch
from coldforge.image.containers.step import shares_files

pytestmark = pytest.mark.engine
SOMEONE = 12345


class Run:
    """The stdout, stderr and status of a launched command."""

    def __init__(self, engine: Any, image: str) -> None:
        self.engine, self.image = engine, image
        self.out, self.err = b"", b""

    def __call__(self, line: str, *, reads: Any = (), writes: Any = (), **env: str) -> int:
        def out(text: bytes) -> None:
            self.out += text

        def err(text: bytes) -> None:
            self.err += text

        command = ["/bin/sh", "-c", line]
        work = Launch(self.image, command, list(reads), list(writes), env)
        return launch(self.engine, work, out, err)


@pytest.fixture
def run(engine: Any, debian: str) -> Run:
    return Run(engine, debian)


@pytest.fixture
def shared(engine: Any, debian: str, tmp_path: Path) -> Path:
    """A folder that Docker Engine can see too."""
    if not shares_files(engine, debian, tmp_path):
        pytest.skip("this engine does not see this host's files")
    return tmp_path


@pytest.fixture
def someone(monkeypatch: pytest.MonkeyPatch, shared: Path) -> Path:
    """A folder of a caller who is not root, even if the tests run as root."""
    folder = shared / "theirs"
    folder.mkdir()
    if os.getuid() == 0:
        os.chown(folder, SOMEONE, SOMEONE)
        monkeypatch.setattr(os, "getuid", lambda: SOMEONE)
        monkeypatch.setattr(os, "getgid", lambda: SOMEONE)
    return folder


def test_the_exit_status_is_passed_on(run: Run) -> None:
    assert run("exit 0") == 0
    assert run("exit 7") == 7


def test_stdout_and_stderr_stay_separate(run: Run) -> None:
    assert run("echo result; echo progress >&2; printf '\\377'") == 0
    assert run.out == b"result\n\xff"
    assert run.err == b"progress\n"


def test_large_output_arrives_complete(run: Run) -> None:
    assert run("seq 200000; seq 100000 >&2") == 0
    assert run.out == b"".join(b"%d\n" % number for number in range(1, 200_001))
    assert run.err.splitlines()[-1] == b"100000"


def test_output_comes_while_the_command_runs(run: Run, shared: Path) -> None:
    """The command waits for a file that is made only once its first line arrived."""
    seen: list[bytes] = []

    def out(text: bytes) -> None:
        seen.append(text)
        (shared / "go").touch()

    wait = f"echo ready; n=0; until test -e {shared}/go; do sleep 0.1; n=$((n+1)); "
    line = wait + "test $n -lt 200 || exit 1; done; echo done"
    work = Launch(run.image, ["/bin/sh", "-c", line], reads=[shared])
    assert launch(run.engine, work, out, out) == 0
    assert b"".join(seen) == b"ready\ndone\n"


def test_written_files_belong_to_the_caller(run: Run, someone: Path) -> None:
    line = f"id -u; mkdir {someone}/deep && echo x >{someone}/deep/file"
    assert run(line, writes=[someone]) == 0
    assert run.out == b"%d\n" % os.getuid()
    made = [someone / "deep", someone / "deep" / "file"]
    assert {path.stat().st_uid for path in made} == {os.getuid()}
    assert {path.stat().st_gid for path in made} == {os.getgid()}


def test_readable_folders_cannot_be_written(run: Run, shared: Path) -> None:
    (shared / "model").write_text("weights", "utf-8")
    line = f"cat {shared}/model; touch {shared}/new || echo x >{shared}/model"
    assert run(line, reads=[shared]) != 0
    assert run.out == b"weights"
    assert run.err.count(b"Read-only file system") == 2
    assert [path.name for path in shared.iterdir()] == ["model"]


def test_a_writable_folder_may_lie_in_a_readable_one(run: Run, shared: Path) -> None:
    (shared / "out").mkdir()
    line = f"touch {shared}/out/a && ! touch {shared}/b"
    assert run(line, reads=[shared], writes=[shared / "out"]) == 0
    assert (shared / "out" / "a").exists()


def test_a_single_file_may_be_read(run: Run, shared: Path) -> None:
    (shared / "corpus.txt").write_text("text", "utf-8")
    (shared / "secret").write_text("x", "utf-8")
    line = f"cat {shared}/corpus.txt; ls {shared}"
    assert run(line, reads=[shared / "corpus.txt"]) == 0
    assert run.out == b"textcorpus.txt\n"


def test_there_is_no_network(run: Run) -> None:
    assert run("ls /sys/class/net") == 0
    assert run.out == b"lo\n"


def test_the_root_is_read_only_and_tmp_is_not(run: Run) -> None:
    assert run("touch /tmp/a && cd && touch b && ! touch /a && ! touch /opt/a") == 0
    assert run.err.count(b"Read-only file system") == 2


def test_there_are_no_capabilities_and_no_new_privileges(run: Run) -> None:
    assert run("grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status") == 0
    found = dict(line.split(b":\t") for line in run.out.splitlines())
    assert int(found[b"CapEff"], 16) == int(found[b"CapBnd"], 16) == 0
    assert found[b"NoNewPrivs"] == b"1"


def test_the_environment_is_the_image_s_and_the_launch_s(run: Run) -> None:
    assert run('echo "$PATH $ASKED $HOME"', ASKED="yes") == 0
    assert run.out.startswith(b"/usr/local/sbin:")
    assert run.out.endswith(b" yes /tmp\n")


def test_no_container_is_left(run: Run, left: Callable[[str], list[Any]], shared: Path) -> None:
    run("echo $HOSTNAME; cat /etc/hostname; exit 1", writes=[shared])
    host = run.out.split()[-1].decode()
    assert host not in [container.short_id for container in left("run")]


def test_a_missing_image_is_reported(engine: Any) -> None:
    run = Run(engine, "localhost/coldforge/none:latest")
    with pytest.raises(ColdforgeError, match="localhost/coldforge/none"):
        run("true")


def test_a_missing_image_is_not_mistaken_for_a_remote_docker_engine(
    engine: Any, shared: Path
) -> None:
    run = Run(engine, "localhost/coldforge/none:latest")
    with pytest.raises(ColdforgeError, match="localhost/coldforge/none"):
        run("true", reads=[shared])


def test_files_that_docker_engine_cannot_see_fail_in_one_line(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="does not see this host's files"):
        run("true", reads=[tmp_path / "no" / "such" / "folder" / "file"])
