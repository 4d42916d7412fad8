"""The main loop of a worker: requests as lines of JSON on stdin, answers on stdout."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

from coldforge.errors import ColdforgeError


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
