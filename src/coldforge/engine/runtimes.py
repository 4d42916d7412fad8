"""What engines are built and run with here: libraries and processors."""

import os

from coldforge.engine.backend import backends

COMPARES = "polygraphy"


def runtimes() -> dict[str, str]:
    """Map what is installed of the backends' libraries, and what compares them, to versions."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    names = {name for backend in backends().values() for name in backend.libraries}
    for name in sorted(names | {COMPARES}):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def cores() -> int:
    """Count the processors we may use; a container or taskset may leave fewer than there are."""
    return len(os.sched_getaffinity(0))
