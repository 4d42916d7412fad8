"""The origin of hand-carried files: only a person brings them, so there is nothing to fetch."""

from collections.abc import Iterable

from coldforge.mirror.origins.origin import (
    Identity,
    Locator,
    Origin,
    Request,
    Resolved,
    generic_url,
)
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry
from coldforge.stack.stack import Stack


class CarriedFiles(Origin):
    """Files that mirror.add pins."""

    names = ("file",)
    settings = "file"
    shared = False

    def resolve(self, request: Request) -> Resolved:
        """Keep the pins of files that are still asked for: only mirror.add makes them.

        One that `update` names is dropped, for mirror.add to pin again; `*` drops none.
        """
        layers = request.stack.layers
        asked = {(use, name) for use, recipe in layers.items() for name in recipe.inputs.carried}
        kept = {(use, name) for use, name in asked if name not in request.update}
        own = [entry for entry in request.previous if entry.origin == "file"]
        return Resolved([entry for entry in own if (entry.use, entry.name) in kept])

    def locator(self, name: str, stack: Stack, space: Workspace) -> Locator:
        """Open nothing."""
        return NoLocator()

    def identify(self, entry: Entry) -> Identity:
        """Name it by its publisher's file name and its checksum."""
        url = generic_url(entry.path.rpartition("/")[2], entry.version, entry.sha256)
        return Identity("file", entry.name, url)


class NoLocator(Locator):
    """Finds nothing."""

    def candidates(self, entry: Entry) -> Iterable[str]:
        """Offer nothing."""
        return []


ORIGIN = CarriedFiles()
