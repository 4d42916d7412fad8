"""A process that does what it is told, in lines of JSON on stdin; it answers on stdout."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

from coldforge.errors import ColdforgeError


def serve(make: Callable[[], Any], requests: TextIO, answers: TextIO) -> None:
    """Answer until the requests end; `do` of each names a method of what `make` returns.

    It is made at the first request, whose answer says why if it cannot be.
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
    """Serve on stdin and stdout; what libraries print goes to stderr."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        serve(make, sys.stdin, answers)
