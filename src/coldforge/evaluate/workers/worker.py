"""Models or engines measured in turn, each in a worker process, and the loop that serves in it.

Requests and answers are lines of JSON on stdin and stdout.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO

import coldforge
from coldforge.errors import ColdforgeError

MODEL_WORKER = "coldforge.evaluate.workers.model_worker"
SOURCES = Path(coldforge.__file__).parents[1]


class Worker:
    """A process that serves a model, by model_worker or another module of that form."""

    def __init__(self, folder: Path, module: str = MODEL_WORKER) -> None:
        """Start it."""
        paths = [str(SOURCES), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )

    def ask(self, do: str, **request: object) -> dict[str, Any]:
        """Request and return an answer; raise ColdforgeError for an error, or if it died."""
        self.send(do, **request)
        return self.receive()

    def send(self, do: str, **request: object) -> None:
        """Send a request; `receive` waits for the answer."""
        try:
            _open(self.process.stdin).write(json.dumps({"do": do, **request}) + "\n")
            _open(self.process.stdin).flush()
        except BrokenPipeError:
            raise self._dead() from None

    def receive(self) -> dict[str, Any]:
        """Return the answer; raise ColdforgeError as `ask` does."""
        line = _open(self.process.stdout).readline()
        if not line:
            raise self._dead()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ColdforgeError(answer["error"], answer["hint"])
        return answer

    def _dead(self) -> ColdforgeError:
        status = self.process.wait()
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        hint = "is there memory for all of them?" if status == -9 else "see its output above"
        return ColdforgeError(f"the process that measured {self.folder} {how}", hint)

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            _close(pipe)


@contextmanager
def start_workers(*folders: Path, module: str = MODEL_WORKER) -> Iterator[list[Worker]]:
    """Yield a worker for each folder; end them all."""
    started: list[Worker] = []
    try:
        started.extend(Worker(folder, module) for folder in folders)
        yield started
    finally:
        for worker in started:
            worker.end()


def in_turn(
    workers: list[Worker], rounds: int, advance: Callable[[int], None], do: str, **request: object
) -> list[list[dict[str, Any]]]:
    """Send each worker a request `rounds` times, one at a time; return each worker's answers.

    Every other round is in reverse order, so that no worker is always the first.
    """
    answers: list[list[dict[str, Any]]] = [[] for _ in workers]
    for at in range(rounds):
        order = list(range(len(workers)))
        for worker in order if at % 2 == 0 else reversed(order):
            answers[worker].append(workers[worker].ask(do, **request))
            advance(1)
    return answers


def _open(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None  # noqa: S101 - it was asked for
    return pipe


def _close(pipe: IO[str] | None) -> None:
    try:
        _open(pipe).close()
    except BrokenPipeError:
        return


def serve(make: Callable[[], Any], requests: TextIO, answers: TextIO) -> None:
    """Answer until the requests end; `do` of each names a method of what `make` returns.

    `make` is called at the first request, whose answer holds its error.
    """
    served: Any = None
    for line in requests:
        request = json.loads(line)
        try:
            served = served or make()
            answer = getattr(served, request.pop("do"))(**request)
        except ColdforgeError as error:
            answer = {"error": error.message, "hint": error.hint}
        print(json.dumps(answer), file=answers, flush=True)


def serve_here(make: Callable[[], Any]) -> None:
    """Serve on stdin and stdout; output of libraries goes to stderr."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        serve(make, sys.stdin, answers)
