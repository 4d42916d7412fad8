import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coldforge.evaluate.humaneval import Problem, program, read_problems
from coldforge.image.containers import sandbox
from coldforge.image.containers.sandbox import (
    NAME,
    SandboxLimits,
    SandboxVerdict,
    options,
    reap,
    run_programs,
)
from coldforge.image.containers.step import STEP_LABEL

pytestmark = pytest.mark.engine
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "HumanEval.jsonl.gz"
TIMED_OUT = "timed out after 1 s"

# What each tries, and how it ends: refused, killed, or out of time.
HOSTILE = {
    "reaches out": ("import socket\nsocket.create_connection(('192.0.2.1', 80))", "Network is unr"),
    "reaches this host": ("import socket\nsocket.create_connection(('127.0.0.1', 22))", "refused"),
    "resolves a name": ("import socket\nsocket.getaddrinfo('example.org', 80)", "name resolution"),
    "asks the engine": (
        "import socket\nsocket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
        "No such file",
    ),
    "forks once too often": ("import os\nwhile True: os.fork()", "BlockingIOError"),
    "forks for ever": (
        "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
        TIMED_OUT,
    ),
    "starts threads": (
        "import threading, time\n"
        "while True: threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
        "can't start new thread",
    ),
    "fills memory": ("x = []\nwhile True: x.append(bytearray(1 << 22))", "killed by signal 9"),
    "fills the disk": (
        "with open('/tmp/f', 'wb') as f:\n  while True: f.write(bytes(1 << 20))",
        "No space left",
    ),
    "fills it with names": (
        "import os\nfor n in range(1 << 20): os.close(os.open(f'/tmp/{n}', os.O_CREAT))",
        "No space left",
    ),
    "fills shared memory": ("open('/dev/shm/x', 'w')", "No such file"),
    "writes to the root": ("open('/x', 'w')", "Read-only file system"),
    "deletes its directory": ("import os, shutil\nshutil.rmtree(os.getcwd())", "Read-only file sy"),
    "deletes everything": ("import shutil\nshutil.rmtree('/')", "Read-only file system"),
    "sleeps": ("import time\ntime.sleep(600)", TIMED_OUT),
    "spins": ("while True: pass", TIMED_OUT),
    "prints for ever": ("while True: print('x' * 1000)", TIMED_OUT),
    "writes to every stream": (
        "import os\nfor n in range(256):\n  try: os.write(n, b'x' * 9999)\n  except OSError: 0",
        "xxx",
    ),
    "floods its container's output": (
        "import os\nf = os.open('/proc/1/fd/1', os.O_WRONLY)\nwhile True: os.write(f, b'x' * 9999)",
        "xxx",
    ),
    "leaves": ("import sys\nsys.exit(0)", "SystemExit: 0"),
    "leaves at once": ("import os\nos._exit(0)", "left with status 0"),
    "crashes": ("import ctypes\nctypes.string_at(0)", "killed by signal 11"),
    "kills its parent": (
        "import os\nos.kill(os.getppid(), 9)\nos.kill(1, 9)\nassert os.getppid() != 1",
        "AssertionError",
    ),
    "kills all it can": ("import os\nos.kill(0, 9)", "killed by signal 9"),
    "stops itself": ("import os\nos.kill(os.getpid(), 19)", TIMED_OUT),
    "becomes root": ("import os\nos.setuid(0)", "Operation not permitted"),
}
GOOD = {
    "computes": "assert sum(range(10)) == 45",
    "writes a file": "open('f', 'w').write('x')\nassert open('/tmp/f').read() == 'x'",
    "prints": "print('x' * 1_000_000)",
    "is nobody": "import os\nassert {os.getuid(), os.getgid(), *os.getgroups()} == {65534}",
    "finds a clean place": "import os\nassert os.listdir('/tmp') == []\nassert os.getpid() < 10",
}


@pytest.fixture(scope="module")
def limits() -> SandboxLimits:
    return SandboxLimits(seconds=1.0, memory=64 << 20)


@pytest.fixture(scope="module")
def found(engine: Any, debian: str, limits: SandboxLimits) -> dict[str, SandboxVerdict]:
    """Verdicts on hostile programs, and on good ones run after them."""
    programs = {name: text for name, (text, _) in HOSTILE.items()}
    # Good programs must not fail on a slow machine: they get more than one second.
    patient = SandboxLimits(seconds=10.0, memory=limits.memory)
    hostile = dict(run_programs(engine, debian, programs, limits))
    return hostile | dict(run_programs(engine, debian, GOOD, patient))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_program_fails(found: dict[str, SandboxVerdict], name: str) -> None:
    assert not found[name].passed
    assert HOSTILE[name][1] in found[name].why
    assert found[name].seconds < 3
    assert len(found[name].why) <= sandbox.WORDS


@pytest.mark.parametrize("name", GOOD)
def test_a_good_program_passes_among_hostile_ones(
    found: dict[str, SandboxVerdict], name: str
) -> None:
    assert found[name].why == ""
    assert found[name].passed


def there(engine: Any, name: str = NAME) -> list[str]:
    """List the states of the containers with a label; they may disappear at any time."""
    found = engine.api.containers(all=True, filters={"label": f"{STEP_LABEL}={name}"})
    return [item["State"] for item in found]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_no_sandbox_is_left(found: dict[str, SandboxVerdict], engine: Any) -> None:
    until(lambda: there(engine) == [])


def test_the_clock_starts_with_the_program(engine: Any, debian: str) -> None:
    """A container takes longer to start than the time limit of these programs."""
    hurried = SandboxLimits(seconds=0.3)
    verdicts = dict(run_programs(engine, debian, {"short": "0", "long": "while True: 0"}, hurried))
    assert verdicts["long"].why == "timed out after 0.3 s"
    assert verdicts["long"].seconds < 0.6
    assert verdicts["short"].seconds < 0.3


KILLED = """
import sys
from coldforge.host.docker_client import connect
from coldforge.image.containers import sandbox
sandbox.NAME = sys.argv[2]
sleep = "import time; time.sleep(600)"
limits = sandbox.SandboxLimits(seconds=600)
list(sandbox.run_programs(connect(), sys.argv[1], {str(n): sleep for n in range(4)}, limits))
"""


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> str:
    """Label of the sandboxes of one test."""
    chosen = f"sandbox-{uuid.uuid4().hex[:8]}"
    monkeypatch.setattr(sandbox, "NAME", chosen)
    return chosen


def test_containers_of_a_killed_process_are_removed(
    engine: Any, debian: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Running containers end by themselves; the next run removes those never started."""
    with subprocess.Popen([sys.executable, "-c", KILLED, debian, name]) as process:
        until(lambda: "running" in there(engine, name))
        os.kill(process.pid, signal.SIGKILL)
    until(lambda: set(there(engine, name)) <= {"created"})
    engine.containers.create(debian, ["true"], **options(SandboxLimits()))
    reap(engine)
    assert there(engine, name), "it may belong to someone who is about to start it"
    monkeypatch.setattr(sandbox, "STALE", "0s")
    time.sleep(1.1)  # the engine counts whole seconds
    reap(engine)
    assert there(engine, name) == []


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    if not DATA.exists():
        pytest.skip("HumanEval.jsonl.gz is not beside the checkout")
    return read_problems(DATA)


def test_all_canonical_solutions_pass(engine: Any, debian: str, problems: list[Problem]) -> None:
    programs = {each.task_id: program(each, each.canonical_solution) for each in problems}
    failed = {
        name: said for name, said in run_programs(engine, debian, programs) if not said.passed
    }
    assert failed == {}
    assert len(programs) == 164


def test_solutions_that_return_none_fail(engine: Any, debian: str, problems: list[Problem]) -> None:
    spoiled = {
        each.task_id: program(each, f"    return None\n{each.canonical_solution}")
        for each in problems[::10]
    }
    assert [name for name, said in run_programs(engine, debian, spoiled) if said.passed] == []
