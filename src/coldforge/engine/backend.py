"""The door of engine backends: a package engine/NAME/ (or a module) that has a BACKEND.

Found by the attribute, listed nowhere. Importing one must stay cheap, for the tasks do it to
list their flags: libraries are imported within its methods.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, runtime_checkable

from coldforge.errors import UnknownNameError
from coldforge.plugins import provided

if TYPE_CHECKING:
    from coldforge.checkpoint.checkpoint import Checkpoint
    from coldforge.engine.card import Engine
    from coldforge.engine.memory.outline import Outline
    from coldforge.engine.memory.prediction import Prediction
    from coldforge.engine.memory.settings import MemorySettings
    from coldforge.paths import Workspace
    from coldforge.stack.lock import Entry

BUILT, PREDICTED = "onnxruntime", "tensorrt-llm"
"""The backends of engine.build and of engine.memory, unless another one is asked for."""

Asked = Mapping[str, Any]
"""Option name -> value; all of a backend's options."""
COMPARES = "polygraphy"


@dataclass(frozen=True)
class Option:
    """One of a backend's own flags of engine.build: --max-batch-size is max_batch_size here."""

    name: str
    default: str | int
    """A bool makes it a switch."""
    help: str
    path: bool = False
    """Whether it names a file or folder that the build reads."""


class Runner(Protocol):
    """A loaded engine."""

    positions: int
    """Tokens of the longest sequence, prompt and answer together."""
    vocab: int

    def follow(self, prompts: list[list[int]], count: int) -> Iterator[list[int]]:
        """Yield `count` times the likeliest next token of each prompt; all are equally long."""


class Backend(Protocol):
    """What builds, runs and weighs the engines of one runtime.

    Example, the file engine/abacus.py:

        class Abacus:
            name = title = "abacus"
            options = (Option("beads", 10, "a rod."),)
            libraries = ()
            on_card = False
            lacks = {"tp": "one abacus"}

            def check(self, asked):
                if asked["beads"] < 1:
                    raise ColdforgeError("--beads 0", "give 1 or more")

            def build(self, checkpoint, folder, asked):
                (folder / "rods").write_bytes(bytes(asked["beads"]))
                return {"precision": "int8", "settings": dict(asked)}

            ...

        BACKEND = Abacus()
    """

    name: str
    """As --backend and the cards of engines say it."""
    title: str
    """As engine.compare shows it."""
    options: tuple[Option, ...]
    libraries: tuple[str, ...]
    """Distributions that build or run its engines: their versions are part of each result."""
    on_card: bool
    """Whether an engine lies in a GPU's memory, else in the machine's."""
    lacks: Mapping[str, str]
    """What it cannot hold: a setting of engine.build or engine.memory -> why, or what to use."""

    def check(self, asked: Asked) -> None:
        """Raise ColdforgeError for options that no engine of it has."""

    def build(self, checkpoint: "Checkpoint", folder: Path, asked: Asked) -> dict[str, Any]:
        """Write an engine into the empty `folder`; return what its card says of it.

        At least `precision`, its arithmetic (fp32, int4, int4 + int8 activations), and
        `settings`. Raise ColdforgeError for a checkpoint that it cannot hold.
        """

    def load_libraries(self, engine: "Engine") -> None:
        """Import what runs an engine; raise ColdforgeError if that is not installed here."""

    def open(self, engine: "Engine", threads: int) -> Runner:
        """Load an engine whose libraries are loaded; `threads` 0 takes every core."""

    def predict(self, outline: "Outline", settings: "MemorySettings") -> "Prediction":
        """Predict an engine's bytes; raise ColdforgeError for one that cannot be."""

    def lossless(self, engine: "Engine") -> bool:
        """Tell whether its logits differ from the checkpoint's by the order of sums alone."""

    def logits(self, engine: "Engine") -> Any:  # noqa: ANN401 - a BaseRunner of Polygraphy
        """Return what computes an engine's logits; `engine.agreement.logits.feeds` feeds it."""

    def not_compared(self) -> str:
        """Say why it is left out where an engine of another backend is compared."""


class BuildImage(Protocol):
    """A stack's image, ready to run programs."""

    @property
    def digest(self) -> str:
        """Identify it."""

    def blob(self, entry: "Entry") -> Path:
        """Return the file of a locked input, its digest checked."""

    def run(self, argv: list[str], log: BinaryIO, reads: list[Path], writes: list[Path]) -> int:
        """Run a program with the GPU and no network, both its streams into `log`; its status."""


class Host(Protocol):
    """The machine that starts images."""

    @property
    def space(self) -> "Workspace":
        """Return the checkout whose stacks and locks count."""

    def image(self, stack: str) -> AbstractContextManager[BuildImage]:
        """Build a stack's image, or find it built."""


@runtime_checkable
class BuildsOnHost(Protocol):
    """A backend whose engines are built by programs in an image of their own.

    The others are built within the image of stack cpu.
    """

    def build_on_host(
        self, host: Host, checkpoint: Path, out: Path, asked: Asked
    ) -> dict[str, Any]:
        """Build the engine `out`; return its card, or with `dry_run` the commands in `text`."""


def backends() -> dict[str, Backend]:
    """Map the names of all backends to them."""
    found: list[Backend] = list(provided("coldforge.engine", "BACKEND").values())
    return {item.name: item for item in found}


def find_backend(name: str) -> Backend:
    """Look one up; raise UnknownNameError."""
    known = backends()
    if name not in known:
        raise UnknownNameError("backend", name, list(known))
    return known[name]


def complete(backend: Backend, asked: Asked) -> dict[str, Any]:
    """Fill in the defaults of a backend's options; raise UnknownNameError for another's."""
    usual = {option.name: option.default for option in backend.options}
    for name in asked.keys() - usual.keys():
        raise UnknownNameError(f"option of {backend.name}", name, list(usual))
    return {**usual, **asked}


def choices(first: str) -> str:
    """Write the names of all backends for --help, the default one first: a, b or c."""
    *names, last = [first, *sorted(backends().keys() - {first})]
    return f"{', '.join(names)} or {last}" if names else last


def runtimes() -> dict[str, str]:
    """Map what is installed of the backends' libraries, and what compares them, to versions."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    names = {name for backend in backends().values() for name in backend.libraries}
    for name in sorted(names | {COMPARES}):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def cores() -> int:
    """Count the processors we may use; a container or taskset may leave fewer than there are."""
    return len(os.sched_getaffinity(0))
