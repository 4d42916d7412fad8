"""The program that runs one candidate in its container; the standard library is all it knows.

It is sent as text to `python3 -I -c`, so what judges is this file and not a copy in an image.

On stdin: one line with the length of the candidate in bytes, the candidate, and a random token of
TOKEN bytes. On stdout two lines: READY, before stdin is read, and at the end the report: the token
if the candidate ran to its end, else why not. The container ends with the report.

The candidate runs in a child that holds no stream of the container. The token is read after the
fork and handed over in a pipe that only the lines after the candidate read, so neither leaving
nor printing makes a verdict. A candidate written against this very file could still read that pipe:
it shares an interpreter with its own judge, as any test of a Python function does.
"""

import os
import select

READY = b"ready"
TOKEN = 32
REPORT = 400  # bytes at most


def main() -> None:
    """Run the candidate that stdin holds, and report on stdout."""
    os.write(1, READY + b"\n")
    length = _line()
    program = _exactly(length)
    proof, report = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.close(proof[1])
        _candidate(program, proof[0], report[1])
    os.close(report[1])
    os.write(proof[1], _exactly(TOKEN))
    os.write(1, _verdict(child, report[0]) + b"\n")
    os._exit(0)  # as the first process of the container: the kernel kills whatever is left


def _verdict(child: int, report: int) -> bytes:
    """Wait for the child's report, or for its end without one; end if nobody listens any more."""
    ready, _, _ = select.select([report, 0], [], [])
    if report not in ready:
        os._exit(1)  # whoever started us was killed: the engine closed our stdin
    if said := os.read(report, REPORT):
        return said
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        killed = os.WTERMSIG(status)
        return b"killed by signal %d%s" % (killed, b", out of memory?" if killed == 9 else b"")
    return b"left with status %d before the check was done" % os.WEXITSTATUS(status)


def _candidate(program: bytes, proof: int, report: int) -> None:
    """Run the candidate without streams and write the report."""
    # What the candidate may replace is taken here.
    read, write, leave, whoami, me = os.read, os.write, os._exit, os.getpid, os.getpid()
    void = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(void, stream)
    try:
        _run(program)
        said = read(proof, TOKEN) if whoami() == me else b""
    except BaseException as error:  # noqa: BLE001 - sys.exit too is no way to pass
        said = _why(error)
    if whoami() == me:  # what it forked has no say
        write(report, said)
    leave(0)


def _run(program: bytes) -> None:
    import sys

    module = type(sys)("candidate")
    sys.modules["candidate"] = module
    exec(compile(program, "candidate", "exec", dont_inherit=True), module.__dict__)  # noqa: S102


def _why(error: BaseException) -> bytes:
    text = " ".join(str(error).split())
    name = type(error).__name__
    return f"{name}: {text}"[:200].encode("utf-8", "replace") if text else name.encode()


def _line() -> int:
    digits = b""
    while (byte := _exactly(1)) != b"\n":
        digits += byte
    return int(digits)


def _exactly(count: int) -> bytes:
    parts = []
    while count:
        part = os.read(0, min(count, 1 << 16))
        if not part:
            os._exit(1)  # nobody will send the rest
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


if __name__ == "__main__":
    main()
