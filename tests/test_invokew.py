"""The wrapper, with stand-ins for Python, apt and Invoke; and once with the real ones."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

TOOLS = ("cat", "cmp", "cp", "env", "flock", "id", "mkdir", "readlink", "rm", "sh", "sleep")
# Stands in for a Python: makes an environment of stand-ins and logs what it was asked.
PYTHON = """\
#!/bin/sh
printf '%s\\n' "$*" >>"$LOG"
case "$1 $2" in
"-m venv") mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
"-m pip") sleep "${SLOW:-0}"; printf '%s' "$INVOKE" >"${0%/*}/invoke"; chmod +x "${0%/*}/invoke" ;;
esac
"""
INVOKE = """\
#!/bin/sh
echo "cwd=$PWD root=$COLDFORGE_ROOT cache=$PYTHONPYCACHEPREFIX"
for word; do echo "arg=$word"; done
exit 7
"""
OLD_PYTHON = "#!/bin/sh\nexit 1\n"


# Stands in for the Python that a bundle carried: what it is asked, and what it inherits.
CARRIED = """\
#!/bin/sh
echo "cwd=$PWD root=$COLDFORGE_ROOT path=$PYTHONPATH cache=$PYTHONPYCACHEPREFIX"
for word; do echo "arg=$word"; done
exit 7
"""


class Machine:
    """A checkout and a PATH that hold nothing but what a test puts there."""

    def __init__(self, root: Path, wrapper: Path) -> None:
        self.bin = root / "bin"
        self.checkout = root / "a checkout"
        self.log = root / "log"
        self.bin.mkdir()
        self.checkout.mkdir()
        self.log.touch()
        shutil.copy(wrapper, self.checkout / "invokew")
        (self.checkout / "requirements.lock").write_text("one==1\n", "utf-8")
        for tool in (*TOOLS, "chmod"):
            place = shutil.which(tool)
            assert place is not None
            (self.bin / tool).symlink_to(place)
        self.environ = {"PATH": str(self.bin), "LOG": str(self.log), "INVOKE": INVOKE}

    @property
    def venv(self) -> Path:
        return self.checkout / ".venv"

    def command(self, name: str, text: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o755)

    def start(self, *words: str, cwd: Path | None = None, **extra: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [str(self.checkout / "invokew"), *words],
            cwd=cwd or self.checkout,
            env=self.environ | extra,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, cwd: Path | None = None, **extra: str) -> tuple[int, str, str]:
        with self.start(*words, cwd=cwd, **extra) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def asked(self, what: str) -> int:
        return sum(what in line for line in self.log.read_text("utf-8").splitlines())


@pytest.fixture
def machine(tmp_path: Path, checkout: Path) -> Machine:
    made = Machine(tmp_path, checkout / "invokew")
    made.command("python3", PYTHON)
    return made


def test_invoke_gets_the_words_and_the_directory_of_the_caller(
    machine: Machine, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    status, out, _ = machine.run("quantize", "--out", "a b", cwd=elsewhere)
    words = ["--write-pyc", "--search-root", str(machine.checkout), "quantize", "--out", "a b"]
    assert status == 7
    assert out.splitlines() == [
        f"cwd={elsewhere} root={machine.checkout} cache={machine.venv}/pycache",
        *(f"arg={word}" for word in words),
    ]


def test_a_link_to_the_wrapper_finds_the_checkout(machine: Machine, tmp_path: Path) -> None:
    (machine.bin / "forge").symlink_to(machine.checkout / "invokew")
    result = subprocess.run(
        ["forge"], env=machine.environ, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert f"root={machine.checkout} " in result.stdout


def test_the_environment_is_made_once(machine: Machine) -> None:
    first, second = machine.run(), machine.run()
    assert "Setting up .venv" in first[2]
    assert second[2] == ""
    assert machine.asked("-m venv") == 1


def test_pip_takes_only_what_the_lock_hashes(machine: Machine) -> None:
    machine.run()
    assert machine.asked("--require-hashes --requirement") == 1
    assert machine.asked("--no-deps --no-build-isolation --editable") == 1
    assert machine.asked("-m pip") == 2


def test_another_lock_makes_the_environment_anew(machine: Machine) -> None:
    machine.run()
    (machine.checkout / "requirements.lock").write_text("one==2\n", "utf-8")
    machine.run()
    machine.run()
    assert machine.asked("-m venv") == 2


def test_a_moved_checkout_makes_its_environment_anew(machine: Machine, tmp_path: Path) -> None:
    machine.run()
    machine.checkout = machine.checkout.rename(tmp_path / "moved")
    _, out, _ = machine.run()
    assert machine.asked("-m venv") == 2
    assert f"root={tmp_path / 'moved'} " in out


def test_a_set_up_killed_midway_is_made_anew(machine: Machine) -> None:
    with machine.start(SLOW="60") as process:
        until = time.monotonic() + 30
        while not machine.asked("-m pip") and time.monotonic() < until:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert machine.venv.exists()
    status, out, _ = machine.run("--list")
    assert (status, machine.asked("-m venv")) == (7, 2)
    assert "arg=--list" in out


def test_two_at_once_make_one_environment(machine: Machine) -> None:
    both = [machine.start(SLOW="0.3") for _ in range(2)]
    ends = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [7, 7]
    assert all("arg=--search-root" in out for out, _ in ends)
    assert machine.asked("-m venv") == 1


def test_a_pip_that_fails_leaves_nothing_that_counts_as_made(machine: Machine) -> None:
    machine.command("python3", PYTHON.replace('"-m pip") ', '"-m pip") exit 1; '))
    status, _, err = machine.run()
    assert status == 1
    assert err.splitlines()[-2] == "error: pip could not install what requirements.lock lists"
    machine.command("python3", PYTHON)
    assert machine.run()[0] == 7


def test_an_old_python_is_refused_in_two_lines(machine: Machine) -> None:
    machine.command("python3", OLD_PYTHON)
    status, _, err = machine.run()
    assert status == 1
    assert err.splitlines()[0] == "error: Python 3.11 or newer is missing (python3 is older)"
    assert len(err.splitlines()) == 2


def test_a_newer_python_beside_an_old_one_is_found(machine: Machine) -> None:
    machine.command("python3", OLD_PYTHON)
    machine.command("python3.12", PYTHON)
    assert machine.run()[0] == 7


def test_a_python_without_venv_is_named(machine: Machine) -> None:
    bare = "#!/bin/sh\ncase $2 in *ensurepip*) exit 1 ;; esac\n"
    machine.command("python3", bare)
    machine.command("id", "#!/bin/sh\necho 1000\n")
    status, _, err = machine.run()
    assert status == 1
    assert "python3 cannot make environments" in err
    assert len(err.splitlines()) == 2


@pytest.fixture
def carried(machine: Machine) -> Machine:
    """A checkout as a bundle lays it out, on a host without a Python."""
    (machine.bin / "python3").unlink()
    (machine.checkout / ".tool").mkdir()
    (machine.checkout / ".tool" / "python").write_text(CARRIED, "utf-8")
    (machine.checkout / ".tool" / "python").chmod(0o755)
    return machine


def test_a_carried_tool_is_run_as_it_is(carried: Machine, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    status, out, err = carried.run("key.list", "a b", cwd=elsewhere, PYTHONPATH="/elsewhere")
    root = carried.checkout
    words = ["-m", "invoke", "--write-pyc", "--search-root", str(root), "key.list", "a b"]
    assert (status, err) == (7, "")
    assert out.splitlines() == [
        f"cwd={elsewhere} root={root} path={root}/src cache={root}/build/pycache",
        *(f"arg={word}" for word in words),
    ]


def test_a_carried_tool_makes_no_environment(carried: Machine) -> None:
    carried.run()
    assert not carried.venv.exists()


def test_a_link_to_a_version_runs_that_version(carried: Machine, tmp_path: Path) -> None:
    link = tmp_path / "current"
    link.symlink_to(carried.checkout)
    command = [str(link / "invokew")]
    done = subprocess.run(command, env=carried.environ, capture_output=True, text=True, check=False)
    assert f"root={carried.checkout} " in done.stdout


@pytest.fixture
def rootly(machine: Machine) -> Machine:
    """A machine of root's with apt and no Python; apt brings one."""
    machine.command("python3.new", PYTHON)
    (machine.bin / "python3").unlink()
    machine.command("id", "#!/bin/sh\necho 0\n")
    bring = f'case $* in *install*) cp "{machine.bin}/python3.new" "{machine.bin}/python3" ;; esac'
    machine.command("apt-get", f'#!/bin/sh\necho "apt $*" >>"$LOG"\n{bring}\n')
    return machine


@pytest.mark.parametrize(
    ("words", "environ"),
    [((), {"COLDFORGE_YES": "1"}), ((), {"CI": "true"}), (("quickstart", "--yes"), {})],
)
def test_root_installs_python_when_told_to(
    rootly: Machine, words: tuple[str, ...], environ: dict[str, str]
) -> None:
    assert rootly.run(*words, **environ)[0] == 7
    assert rootly.asked("install --no-install-recommends python3 python3-venv") == 1


def test_root_installs_nothing_unasked_and_does_not_hang(rootly: Machine) -> None:
    status, _, err = rootly.run()
    assert status == 1
    assert rootly.asked("apt") == 0
    assert len(err.splitlines()) == 2


@pytest.mark.network
def test_a_fresh_checkout_lists_its_tasks(tmp_path: Path, checkout: Path) -> None:
    place = tmp_path / "fresh"
    ignored = shutil.ignore_patterns("__pycache__", "blobs", "dist")
    place.mkdir()
    for name in ("LICENSE", "invokew", "pyproject.toml", "requirements.lock", "tasks.py"):
        shutil.copy(checkout / name, place)
    for name in ("docker", "src", "wheels"):
        shutil.copytree(checkout / name, place / name, ignore=ignored)
    before = set(place.rglob("*"))
    result = subprocess.run(
        [str(place / "invokew"), "--list"], capture_output=True, text=True, check=False, cwd="/"
    )
    assert result.returncode == 0, result.stderr
    assert "doctor" in result.stdout
    left = {path.relative_to(place).parts[0] for path in set(place.rglob("*")) - before}
    assert left == {".venv", "build"}
