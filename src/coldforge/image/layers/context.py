"""What a build is given, and the environment of every step in a container."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coldforge.image.filesystem.tar import LayerWriter
from coldforge.image.oci.config import environment
from coldforge.image.oci.layout import LAYER, Descriptor, Layout
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, Lock
from coldforge.stack.stack import Stack

Write = Callable[[LayerWriter], None]


@dataclass(frozen=True)
class BuildContext:
    """What a build is given: checkout, stack, lock, mirror and layout."""

    space: Workspace
    stack: Stack
    lock: Lock
    store: Store
    layout: Layout
    root: Path
    """Where results are kept: build/, or a scratch folder."""
    builder: "BuildContext | None" = None
    """The stack in whose image the wheels are compiled, if that is another one."""

    @property
    def logs(self) -> Path:
        """Folder of the steps' logs."""
        return self.root / "log"

    def blob(self, entry: Entry) -> Path:
        """Find an input's bytes; raise ColdforgeError if the mirror lacks them."""
        hint = f"run: ./invokew mirror.fetch --stack {self.stack.name}"
        return self.store.need(entry.sha256, f"{entry.name} {entry.version}", hint)

    def write(self, write: Write) -> Descriptor:
        """Store the layer that `write` writes under its diffID."""
        with self.layout.scratch() as stream:
            writer = LayerWriter(stream, self.stack.file.epoch)
            write(writer)
            sha256, _ = writer.close()
            return self.layout.keep(stream, sha256, LAYER)


def fixed_environment(stack: Stack, layers: list[str]) -> dict[str, str]:
    """Return the layers' environment and the variables that keep a step's output reproducible."""
    return environment(stack, layers) | {
        "SOURCE_DATE_EPOCH": str(stack.file.epoch),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TZ": "UTC",
        "HOME": "/tmp",  # noqa: S108 - the container's own
        "DEBIAN_FRONTEND": "noninteractive",
    }
