"""A stack and the stacks whose images it is built in: what is locked for each."""

from typing import NamedTuple

from coldforge.errors import ColdforgeError
from coldforge.paths import Workspace
from coldforge.stack.lock import Lock, read_lock
from coldforge.stack.stack import Stack, read_stack


class Link(NamedTuple):
    """A stack with its lock."""

    stack: Stack
    lock: Lock


def chain(space: Workspace, name: str) -> list[Link]:
    """Read a stack, its builder stack, and so on; the stack itself last.

    Raise ColdforgeError if one is its own builder, is unknown or has no lock.
    """
    links: list[Link] = []
    seen: list[str] = []
    while name:
        if name in seen:
            message = f"stack {name} is its own builder: {' → '.join([*seen, name])}"
            raise ColdforgeError(message, f"correct builder = ... in docker/stacks/{name}.toml")
        seen.append(name)
        stack = read_stack(space, name)
        links.insert(0, Link(stack, read_lock(space.lock(name))))
        name = stack.file.builder
    return links
