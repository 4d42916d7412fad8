"""What every task shares: errors as two lines and an exit code, results, Docker Engine."""

import functools
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, cast

from invoke.collection import Collection
from invoke.tasks import Task
from invoke.tasks import task as invoke_task

from coldforge.errors import ColdforgeError

if TYPE_CHECKING:
    import docker

Item = Collection | Task[Any]
YES = "Install and start a Docker Engine without asking."


class Registered(NamedTuple):
    """What a module adds to the command line, and where it runs."""

    items: tuple[Item, ...]
    on_host: bool = True
    in_image: bool = True


def asked_for(task: str) -> bool:
    """Tell whether a task may run or show its help.

    What it takes from a door, such as its flags, is looked up then: other tasks save the time.
    """
    program = Path(sys.argv[0])
    invoked = {"invoke", "inv"} & {program.name, program.parent.name}
    return not invoked or any(word.endswith(task) for word in sys.argv[1:])


def everywhere(*items: Item) -> Registered:
    """Register tasks or collections for the host and for images."""
    return Registered(items)


def on_host(*items: Item) -> Registered:
    """Register tasks or collections for the host only."""
    return Registered(items, in_image=False)


def in_image(*items: Item) -> Registered:
    """Register tasks or collections for images only."""
    return Registered(items, on_host=False)


def task(body: Callable[..., None], **options: Any) -> "Task[Callable[..., None]]":  # noqa: ANN401
    """Make an Invoke task of `body`; a ColdforgeError becomes two lines and its exit code."""

    @functools.wraps(body)
    def guarded(*args: Any, **named: Any) -> None:  # noqa: ANN401 - any task's arguments
        # On SIGTERM a task cleans up as on Ctrl-C, so that no container stays.
        with suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGTERM, _terminated)
        try:
            body(*args, **named)
        except ColdforgeError as error:
            if _debugging():
                raise
            fail(error)
        except KeyboardInterrupt:
            print("interrupted; run the same command to continue", file=sys.stderr)  # noqa: T201
            raise SystemExit(130) from None
        except OSError as error:
            if _debugging():
                raise
            fail(explain(error))

    return cast("Task[Callable[..., None]]", invoke_task(guarded, **options))


def _terminated(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


def explain(error: OSError) -> ColdforgeError:
    """Make an error of the operating system one that says what to do."""
    place = f": {error.filename}" if error.filename else ""
    hints = {
        28: "free some disk space and run the same command again",
        13: "check its owner and mode",
    }
    return ColdforgeError(f"{error.strerror or error}{place}", hints.get(error.errno or 0, ""))


def fail(error: ColdforgeError) -> None:
    """Print the error's two lines on stderr and exit with its code."""
    print(f"error: {error.message}", file=sys.stderr)  # noqa: T201
    if error.hint:
        print(f" hint: {error.hint}", file=sys.stderr)  # noqa: T201
    raise SystemExit(error.exit_code)


def emit(result: Any, as_json: bool, text: str) -> None:  # noqa: ANN401 - what JSON can hold
    """Print the result on stdout, as JSON for programs or else as text."""
    print(json.dumps(result, indent=2, sort_keys=True) if as_json else text)  # noqa: T201


def _debugging() -> bool:
    invoked = logging.getLogger("invoke").isEnabledFor(logging.DEBUG)
    return invoked or bool(os.environ.get("COLDFORGE_DEBUG"))


def inside() -> bool:
    """Tell whether this runs in one of our images, which have only the model tasks."""
    return bool(os.environ.get("COLDFORGE_IN_IMAGE"))


@contextmanager
def docker_engine(yes: bool) -> Iterator[Callable[[], "docker.DockerClient"]]:
    """Yield a function that connects to the user's Docker Engine, started if it is not running."""
    from coldforge.host.docker_client import ensure_docker

    opened: list[docker.DockerClient] = []

    @functools.cache
    def connect() -> "docker.DockerClient":
        opened.append(ensure_docker(yes))
        return opened[0]

    try:
        yield connect
    finally:
        for client in opened:
            client.close()
