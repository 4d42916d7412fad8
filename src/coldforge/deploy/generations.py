"""Generations of a stack: names in the engine, which alone knows what is installed.

An image has one generation at most, its newest; `latest` is the one in use.
"""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from coldforge.deploy.image import StoredImage
from coldforge.errors import ColdforgeError
from coldforge.image.containers.docker_engine import image_name, is_image

if TYPE_CHECKING:
    import docker

LATEST = "latest"


class Generations(NamedTuple):
    """What an engine holds of a stack."""

    ids: dict[int, str]
    """Generation -> image id."""
    latest: str
    """Id of the image in use; empty if none is."""

    @property
    def current(self) -> int:
        """Give the number of the generation in use; 0 if none is, or one that has no number."""
        return max((n for n, image in self.ids.items() if image == self.latest), default=0)

    @property
    def newest(self) -> int:
        """Give the highest number; 0 if there is none."""
        return max(self.ids, default=0)

    def before(self) -> int:
        """Give the last generation before the current one that is another image; 0 if none is."""
        limit = self.current or self.newest + 1
        earlier = [n for n, image in self.ids.items() if n < limit and image != self.latest]
        return max(earlier, default=0)


def generation_name(stack: str, number: int) -> str:
    """Name a generation in an engine."""
    return image_name(stack, f"generation-{number}")


def numbers(names: Iterable[str], stack: str) -> list[int]:
    """Pick the numbers of a stack's generations out of an image's names, in order."""
    shape = re.compile(re.escape(image_name(stack, "generation-")) + r"([1-9][0-9]{0,8})")
    return sorted(int(found[1]) for name in names if (found := shape.fullmatch(name)))


def parse(images: Iterable[Mapping[str, Any]], stack: str) -> Generations:
    """Read an engine's list of images."""
    ids: dict[int, str] = {}
    latest = ""
    for image in images:
        names = image.get("RepoTags") or []
        ids |= dict.fromkeys(numbers(names, stack), str(image["Id"]))
        if image_name(stack) in names:
            latest = str(image["Id"])
    return Generations(ids, latest)


def read_generations(client: "docker.DockerClient", stack: str) -> Generations:
    """Ask an engine for a stack's generations, and number what is in use without a number.

    So an image that was built and never installed can be gone back to as well.
    """
    found = parse(client.api.images(), stack)
    if not found.latest or found.current:
        return found
    add_name(client, found.latest, generation_name(stack, found.newest + 1))
    return Generations(found.ids | {found.newest + 1: found.latest}, found.latest)


def installed_generation(shown: Mapping[str, Any], image: StoredImage) -> int:
    """Give the generation of `latest`, inspected as `shown`, if it is this image; else 0."""
    if not is_image(shown, image.ids, image.layers):
        return 0
    return max(numbers(shown.get("RepoTags") or [], image.stack), default=0)


def switch_to(client: "docker.DockerClient", stack: str, number: int) -> None:
    """Switch `latest` to a generation, in one request; raise ColdforgeError if it did not."""
    source = generation_name(stack, number)
    add_name(client, source, image_name(stack))
    there, wanted = (client.api.inspect_image(n)["Id"] for n in (image_name(stack), source))
    if there != wanted:
        message = f"{image_name(stack)} is {there}, not generation {number}"
        raise ColdforgeError(message, "someone else switches it too; run the same command again")


def add_name(client: "docker.DockerClient", image: str, full: str) -> None:
    """Give an image of an engine one more name; another image that had the name loses it."""
    repository, _, tag = full.rpartition(":")
    client.api.tag(image, repository, tag)


def remove_old(client: "docker.DockerClient", stack: str, keep: int) -> list[int]:
    """Remove all but the newest `keep` generations; return the numbers removed.

    The one in use stays, and each that a container was made from.
    """
    found = parse(client.api.images(), stack)
    used = {str(item["ImageID"]) for item in client.api.containers(all=True)}
    gone = [
        number
        for number in sorted(found.ids)[:-keep]
        if found.ids[number] not in used | {found.latest}
    ]
    return [number for number in gone if remove_name(client, generation_name(stack, number))]


def remove_name(client: "docker.DockerClient", full: str) -> bool:
    """Drop a name, and its image if it was the last; return whether the engine did.

    It refuses where a container came in between.
    """
    import docker.errors

    try:
        client.api.remove_image(full)
    except docker.errors.APIError:
        return False
    return True


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
