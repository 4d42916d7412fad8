"""Go back to an earlier generation of a stack."""

from typing import TYPE_CHECKING, NamedTuple

from coldforge.deploy.generations import read_generations, switch_to
from coldforge.errors import ColdforgeError

if TYPE_CHECKING:
    import docker


class Rolled(NamedTuple):
    """A switch from one generation to another."""

    was: int
    generation: int
    image: str
    """Id of the image now in use."""


def rollback(client: "docker.DockerClient", stack: str, to: int = 0) -> Rolled:
    """Switch to generation `to`, or to the last one before the current that is there.

    Raise ColdforgeError if there is none.
    """
    found = read_generations(client, stack)
    there = ", ".join(map(str, sorted(found.ids))) or "none"
    if not found.latest and not to:
        hint = f"run: ./invokew image.install --stack {stack}; or choose one by --to; here: {there}"
        raise ColdforgeError(f"no generation of '{stack}' is in use in this engine", hint)
    number = to or found.before()
    if not number:
        message = f"'{stack}' has no generation before {found.current} in this engine"
        raise ColdforgeError(message, f"here: {there}; choose one by --to")
    if number not in found.ids:
        message = f"'{stack}' has no generation {number} in this engine"
        raise ColdforgeError(message, f"here: {there}")
    switch_to(client, stack, number)
    return Rolled(found.current, number, found.ids[number])
