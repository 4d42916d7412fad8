"""The origin `debian`: .deb packages of signed archives, wherever the user's apt finds them."""

from coldforge.mirror.origins.origin import (
    Identity,
    Locator,
    Origin,
    Request,
    Resolved,
    no_section,
    package_url,
)
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry
from coldforge.stack.stack import Stack


class DebianOrigin(Origin):
    """Packages of Debian's archives."""

    names = ("debian",)
    settings = "apt"
    shared = True

    def resolve(self, request: Request) -> Resolved:
        """Pin the packages that layers ask for, with all that these depend on."""
        stack = request.stack
        asked = {name: recipe.inputs.debian for name, recipe in stack.layers.items()}
        if not any(asked.values()):
            return Resolved([])
        if stack.file.debian is None:
            raise no_section(stack, "debian", "Debian packages")
        from coldforge.mirror.origins.debian.resolve import resolve_debian

        own = [entry for entry in request.previous if entry.origin == "debian"]
        cache = request.space.build / "cache"
        return Resolved(*resolve_debian(stack.file.debian, asked, own, request.update, cache))

    def locator(self, name: str, stack: Stack, space: Workspace) -> Locator:
        """Look in the archives of the user's apt."""
        from coldforge.mirror.origins.debian.resolve import DebianLocator

        return DebianLocator()

    def identify(self, entry: Entry) -> Identity:
        """Name a package by its architecture and its suite."""
        architecture = entry.path.removesuffix(".deb").rpartition("_")[2]
        qualifiers = {"arch": architecture, "distro": entry.suite}
        url = package_url("deb", f"debian/{entry.name}", entry.version, qualifiers)
        return Identity("deb", entry.name, url)


ORIGIN = DebianOrigin()
