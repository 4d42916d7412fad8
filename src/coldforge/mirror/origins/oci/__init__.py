"""The origin `registry`: base images, on the registries of the user's containers configuration."""

from coldforge.mirror.origins.origin import (
    Identity,
    Locator,
    Origin,
    Request,
    Resolved,
    package_url,
)
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry
from coldforge.stack.stack import Stack


class RegistryOrigin(Origin):
    """Manifests, configs and layers of base images."""

    names = ("registry",)
    settings = "the container registries"
    shared = False

    def resolve(self, request: Request) -> Resolved:
        """Pin every blob of the base images that layers take."""
        stack = request.stack
        asked = {use: recipe.inputs.image for use, recipe in stack.layers.items()}
        if not any(asked.values()):
            return Resolved([])
        from coldforge.mirror.origins.oci.resolve import resolve_image

        return Resolved(
            [
                entry
                for use, image in asked.items()
                if image
                for entry in resolve_image(image, use, stack.file.platform, request.previous)
            ]
        )

    def locator(self, name: str, stack: Stack, space: Workspace) -> Locator:
        """Look on the registries that an unqualified name means to the user."""
        from coldforge.mirror.origins.oci.resolve import RegistryLocator

        return RegistryLocator()

    def identify(self, entry: Entry) -> Identity:
        """Name a blob by its repository and digest."""
        repository = entry.name.partition(" ")[0]
        url = package_url("oci", repository.rpartition("/")[2], f"sha256:{entry.sha256}")
        return Identity("image", repository, url)


ORIGIN = RegistryOrigin()
