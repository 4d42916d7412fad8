"""Install a stack's image in an engine: a new generation, then `latest` switched to it."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from coldforge.deploy.generations import (
    add_name,
    generation_name,
    installed_generation,
    read_generations,
    remove_name,
    remove_old,
    switch_to,
)
from coldforge.deploy.image import StoredImage, check_whole
from coldforge.deploy.target import PushTarget
from coldforge.errors import ColdforgeError
from coldforge.image.containers.docker_engine import image_name, is_image, load
from coldforge.progress import step

if TYPE_CHECKING:
    import docker

Bring = Callable[["docker.DockerClient", StoredImage, str], None]
"""Gives an engine an image under a name."""


class Installed(NamedTuple):
    """A stack's state in an engine after an install."""

    generation: int
    new: bool
    """False: it was in use already."""
    removed: list[int]
    """Older generations that were removed."""


def install(
    client: "docker.DockerClient", image: StoredImage, keep: int, bring: Bring
) -> Installed:
    """Bring the image as a new generation unless it is in use, switch to it, drop old ones.

    Killed at any moment, what was in use is in use; the same call finishes. Raise ColdforgeError.
    """
    before = read_generations(client, image.stack)
    if current := installed_generation(_inspect(client, image_name(image.stack)), image):
        return Installed(current, False, remove_old(client, image.stack, keep))
    number = before.newest + 1
    bring(client, image, generation_name(image.stack, number))
    verify(client, image, generation_name(image.stack, number))
    switch_to(client, image.stack, number)
    for older, held in before.ids.items():
        if held in image.ids:
            remove_name(client, generation_name(image.stack, older))
    return Installed(number, True, remove_old(client, image.stack, keep))


def from_layout(client: "docker.DockerClient", image: StoredImage, name: str) -> None:
    """Send the engine the layers it lacks of an image; raise ColdforgeError."""
    with image.layout.held():
        check_whole(image)
        load(client, image.layout, image.manifest, name)


def verify(client: "docker.DockerClient", image: StoredImage, name: str) -> None:
    """Raise ColdforgeError unless what the engine holds under a name is exactly this image."""
    shown = _inspect(client, name)
    if not is_image(shown, image.ids, image.layers):
        message = f"the engine holds {shown.get('Id', 'nothing')} as {name}, not our image"
        raise ColdforgeError(message, "see the engine's own log, and whether its disk is full")


def _inspect(client: "docker.DockerClient", name: str) -> dict[str, Any]:
    import docker.errors

    try:
        return dict(client.api.inspect_image(name))
    except docker.errors.ImageNotFound:
        return {}


def check_quorum(stack: str, wanted: int, signed: set[str], trusted: Mapping[str, str]) -> None:
    """Raise ColdforgeError unless `wanted` distinct keys signed.

    `signed`: fingerprints of trusted keys that attested it; `trusted`: fingerprint -> name.
    """
    good = sorted(signed & trusted.keys())
    if len(good) >= wanted:
        return
    there = ", ".join(trusted[key] for key in good) or "none"
    missing = ", ".join(trusted[key] for key in sorted(trusted.keys() - signed)) or "none"
    message = (
        f"the image of '{stack}' has {len(good)} of the {wanted} attestations required"
        f" (there: {there}; trusted, but not there: {missing})"
    )
    if len(trusted) < wanted:
        hint = f"this site trusts {len(trusted)} keys: trust more, or ask for fewer by --quorum"
    else:
        hint = f"have it attested (./invokew image.attest --stack {stack}) and receive that"
    raise ColdforgeError(message, hint)


if TYPE_CHECKING:
    import docker


class FromRegistry:
    """A way to bring an image: each engine fetches the layers it lacks."""

    def __init__(self, target: PushTarget) -> None:
        """Take the repository that the image was pushed to."""
        self.target = target

    def __call__(self, client: "docker.DockerClient", image: StoredImage, name: str) -> None:
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
        add_name(client, exact, name)
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
