"""The origin `python`: wheels and sdists of indexes and folders, wherever the user's pip looks."""

from coldforge.mirror.origins.origin import (
    Identity,
    Kind,
    Locator,
    Origin,
    Request,
    Resolved,
    no_section,
)
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry
from coldforge.stack.stack import Stack


class PythonOrigin(Origin):
    """Packages of Python indexes."""

    names = ("python",)
    settings = "pip"
    shared = True

    def resolve(self, request: Request) -> Resolved:
        """Pin the packages that layers ask for, and what wheels are built of and with."""
        stack = request.stack
        asked: dict[str, list[str]] = {}
        for name, recipe in stack.layers.items():
            sdists = [stack.wheels[wheel].sdist for wheel in recipe.inputs.wheels]
            asked[name] = [*recipe.inputs.python, *filter(None, sdists)]
        if not any(asked.values()) and not any(wheel.requires for wheel in stack.wheels.values()):
            return Resolved([])
        if stack.file.python is None:
            raise no_section(stack, "python", "Python packages")
        from coldforge.mirror.origins.python.resolve import resolve_python

        own = [entry for entry in request.previous if entry.origin == "python"]
        cache, update = request.space.build / "cache", request.update
        return Resolved(resolve_python(stack.file.python, asked, stack.wheels, own, update, cache))

    def locator(self, name: str, stack: Stack, space: Workspace) -> Locator:
        """Look where the user's pip does, then on the stack's own indexes."""
        from coldforge.mirror.origins.python.simple_index import PythonLocator
        from coldforge.mirror.settings.pip import read_pip

        return PythonLocator(read_pip(), stack.file.python.indexes if stack.file.python else [])

    def identify(self, entry: Entry) -> Identity:
        """Name a project's file."""
        from coldforge.mirror.origins.python.simple_index import pypi_url

        kind: Kind = "wheel" if entry.path.endswith(".whl") else "source"
        return Identity(kind, entry.name, pypi_url(entry.path))


ORIGIN = PythonOrigin()
