"""What runs in a sandbox, run here: without a container's limits, with tame programs."""

import subprocess
import sys
from pathlib import Path

import pytest

from coldforge.image.containers import sandbox_program

TOKEN = b"0123456789abcdef" * 2
COMMAND = [sys.executable, "-I", "-c", Path(sandbox_program.__file__).read_text("utf-8")]


def said(program: str) -> bytes:
    """Return what the cell reports of a program."""
    text = program.encode("utf-8", "replace")
    message = b"%d\n%s%s" % (len(text), text, TOKEN)
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(message)
        process.stdin.flush()
        ready, report, *rest = process.stdout.read().split(b"\n")
    assert ready == sandbox_program.READY
    assert rest == [b""]
    return report


@pytest.mark.parametrize(
    "program",
    [
        "assert True",
        "print('noise')",
        "import sys\nsys.stderr.write('noise')",
        "import os\nos.write = os.read = os._exit = os.getpid = None",
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    b: 'int' = 1\nassert A().b",
        "if __name__ == '__main__':\n    raise SystemExit",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()",
    ],
)
def test_a_program_that_runs_to_its_end_gets_the_token(program: str) -> None:
    assert said(program) == TOKEN


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("assert 1 == 2", b"AssertionError"),
        ("def f(:", b"SyntaxError: invalid syntax (candidate, line 1)"),
        ("raise ValueError('two\\nlines')", b"ValueError: two lines"),
        ("import sys\nsys.exit(0)", b"SystemExit: 0"),
        ("exit()", b"SystemExit: None"),
        ("import os\nos._exit(0)", b"left with status 0 before the check was done"),
        ("import os\nos.kill(os.getpid(), 15)", b"killed by signal 15"),
        ("import os\nos.kill(os.getpid(), 9)", b"killed by signal 9, out of memory?"),
        ("input()", b"EOFError: EOF when reading a line"),
        ("import os\nif os.fork():\n    raise ValueError", b"ValueError"),
        (
            "class E(Exception):\n    __str__ = None\nraise E",
            b"left with status 1 before the check",
        ),
        (
            "import os\nfor n in range(3, 20):\n  try: os.write(n, b'hm')\n  except OSError: 0",
            b"hm",
        ),
        ("print(42)\n1 / 0", b"ZeroDivisionError: division by zero"),
    ],
)
def test_any_other_program_gets_no_token_and_the_reason_is_told(program: str, why: bytes) -> None:
    assert said(program).startswith(why)


def test_what_a_program_forks_has_no_say() -> None:
    """The child runs to the program's end, its parent leaves: no token."""
    assert TOKEN not in said("import os\nif os.fork():\n    os._exit(0)")


def test_it_ends_when_nobody_listens_any_more() -> None:
    program = b"import time\ntime.sleep(600)"
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdin
        process.stdin.write(b"%d\n%s%s" % (len(program), program, TOKEN))
        process.stdin.close()
        assert process.wait(10) == 1
