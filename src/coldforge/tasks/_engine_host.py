"""The host for backends that build in an image of their own: see coldforge.engine.backend.Host."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from coldforge.errors import ColdforgeError
from coldforge.tasks._docker import docker_engine

if TYPE_CHECKING:
    from coldforge.image.build.builder import Connect
    from coldforge.paths import Workspace
    from coldforge.stack.lock import Entry

OFFLINE = {
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_OFFLINE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TRANSFORMERS_OFFLINE": "1",
}


@dataclass(frozen=True)
class StackImage:
    """A stack's image in Docker."""

    name: str
    digest: str
    connect: "Connect"
    blob: "Callable[[Entry], Path]"

    def run(self, argv: list[str], log: BinaryIO, reads: list[Path], writes: list[Path]) -> int:
        """Run a program with the GPU and no network, both its streams into `log`; its status."""
        from coldforge.image.containers.launch import Launch, launch

        work = Launch(self.name, argv, reads, writes, OFFLINE, gpus=True)
        try:
            return launch(self.connect(), work, log.write, log.write)
        except ColdforgeError as error:
            if "device driver" not in error.message:
                raise
            raise ColdforgeError(
                "Docker cannot give a container the GPU",
                "install NVIDIA's container toolkit, then restart Docker",
            ) from error


@dataclass(frozen=True)
class DockerHost:
    """The user's machine, its images in Docker."""

    space: "Workspace"
    yes: bool
    """Whether Docker may be installed and started without asking."""

    @contextmanager
    def image(self, stack: str) -> Iterator[StackImage]:
        """Build a stack's image, or find it built."""
        from coldforge.image.build import build as image_build

        with docker_engine(self.yes) as connect:
            context = image_build.build_context(self.space, stack)
            built = image_build.build(context, connect)
            name = image_build.deliver(context, built, connect)
            yield StackImage(name, built.manifest.digest, connect, context.blob)
