"""Ask before changing the machine; never hang where nobody can answer."""

import os
import sys
from collections.abc import Mapping

YES = "COLDFORGE_YES"


def settled(yes: bool, environ: Mapping[str, str], terminal: bool) -> bool | None:
    """Tell whether permission is given (True) or cannot be asked for (False); None: ask.

    `yes` is the task's --yes. CI counts as one too: its machines are made to be used up.
    """
    if yes or environ.get(YES) == "1" or environ.get("CI"):
        return True
    return None if terminal else False


def agreed(question: str, yes: bool) -> bool:
    """Get permission: given ahead, or by a question on the terminal; without one, no."""
    answer = settled(yes, os.environ, at_terminal())
    if answer is not None:
        return answer
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def at_terminal() -> bool:
    """Tell whether somebody can answer."""
    return sys.stdin is not None and sys.stdin.isatty()
