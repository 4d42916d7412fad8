"""Work in a separate process, so that its peak memory can be measured and it may be killed.

Processes fork from a server that imported the heavy libraries once.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from signal import SIGKILL
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.model.process_stats import peak_rss

PRELOAD = "coldforge.experiments.survey.preload"


@dataclass(frozen=True)
class Done:
    """What work returned, how long it took, and the most memory its process held."""

    value: dict[str, Any]
    seconds: float
    peak_rss_bytes: int


def run_in_subprocess(work: Callable[..., dict[str, Any]], *args: Any, **named: Any) -> Done:  # noqa: ANN401
    """Call `work`, a function of a module, in a new process; raise ColdforgeError if it fails.

    An unexpected error prints its traceback there.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOAD])
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(sender, work, args, named), daemon=True)
    child.start()
    sender.close()
    answer = None
    with receiver, suppress(EOFError):
        answer = receiver.recv()
    child.join()
    if isinstance(answer, Done):
        return answer
    if answer:
        raise ColdforgeError(*answer)
    code = child.exitcode or 0
    how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
    raise ColdforgeError(
        f"its process {how}", "out of memory?" if -code == SIGKILL else "see its output above"
    )


def _run(answer: Connection, work: Callable[..., dict[str, Any]], args: Any, named: Any) -> None:  # noqa: ANN401
    _die_with_parent()
    started = time.monotonic()
    try:
        value = work(*args, **named)
        seconds = round(time.monotonic() - started, 2)
        answer.send(Done(value, seconds, peak_rss()))
    except ColdforgeError as error:
        answer.send((error.message, error.hint))
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        answer.send((f"{type(error).__name__}: {first}", "its traceback stands above"))
        raise


def _die_with_parent() -> None:
    """Kill this process when its parent is gone, so that it does not go on writing."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
