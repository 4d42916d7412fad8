"""Let an engine pull an image from a registry, by its digest."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from coldforge.deploy.generations import add_name as give_name
from coldforge.deploy.generations import remove_name
from coldforge.deploy.image import Image
from coldforge.deploy.install import verify
from coldforge.deploy.target import Target
from coldforge.errors import ColdforgeError
from coldforge.progress import step

if TYPE_CHECKING:
    import docker


class FromRegistry:
    """A way to bring an image: each engine fetches the layers it lacks."""

    def __init__(self, target: Target) -> None:
        """Take the repository that the image was pushed to."""
        self.target = target

    def __call__(self, client: "docker.DockerClient", image: Image, name: str) -> None:
        """Pull by the manifest's digest and name the result; raise ColdforgeError."""
        repository, digest = self.target.name, image.manifest.digest
        exact = f"{repository}@{digest}"
        had = _holds(client, exact)
        with step(f"Pulling {self.target} for {name}"):
            said = client.api.pull(repository, digest, stream=True, decode=True)
            if error := refusal(said):
                message = f"the engine could not pull {self.target}: {error}"
                hint = "the engine's own configuration decides which registries it may ask"
                raise ColdforgeError(message, hint)
            verify(client, image, exact)
        give_name(client, exact, name)
        if not had:
            remove_name(client, exact)  # Else the layers would stay when the generation is removed.


def refusal(messages: Iterable[Mapping[str, Any]]) -> str:
    """Read an engine's messages to their end; return the last error among them, or ''."""
    return ([str(line["error"]) for line in messages if "error" in line] or [""])[-1]


def _holds(client: "docker.DockerClient", name: str) -> bool:
    import docker.errors

    try:
        client.api.inspect_image(name)
    except docker.errors.APIError:
        return False
    return True
