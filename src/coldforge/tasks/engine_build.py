"""engine.build: a checkpoint compiled for one runtime, some in an image of their own."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from invoke.context import Context

from coldforge.engine.backend import (
    BUILT,
    Backend,
    BuildsOnHost,
    Option,
    backends,
    choices,
    find_backend,
)
from coldforge.errors import ColdforgeError
from coldforge.tasks._command import asked_for, docker_engine, emit, task
from coldforge.tasks._in_image import HELP, MODEL, flags, full, given, hand_over, making, outside

if TYPE_CHECKING:
    from coldforge.image.build.builder import Connect
    from coldforge.paths import Workspace
    from coldforge.stack.lock import Entry

KNOWN = backends() if asked_for("engine.build") else {}
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


def options_of(known: Mapping[str, Backend]) -> dict[str, Option]:
    """Map the names of all backends' own flags to them; of two called the same, the first."""
    found: dict[str, Option] = {}
    for backend in known.values():
        for option in backend.options:
            found.setdefault(option.name, option)
    return found


def help_of(known: Mapping[str, Backend]) -> dict[str, str]:
    """Write each flag's help, after the name of the backend it belongs to."""
    found: dict[str, list[str]] = {}
    for backend in known.values():
        for option in backend.options:
            found.setdefault(option.name, []).append(f"{backend.name}: {option.help}")
    return {name: " ".join(texts) for name, texts in found.items()}


def taking(body: Callable[..., None], known: Mapping[str, Backend]) -> Callable[..., None]:
    """Give a task the flags of all backends, in the place of its `**asked`."""
    own = [
        Parameter(item.name, Parameter.KEYWORD_ONLY, default=item.default)
        for item in options_of(known).values()
    ]
    fixed = signature(body)
    kept = [item for item in fixed.parameters.values() if item.kind != Parameter.VAR_KEYWORD]
    vars(body)["__signature__"] = fixed.replace(parameters=[*kept, *own])
    return body


@partial(
    task,
    auto_shortflags=False,  # there are more flags than letters
    help={
        **HELP,
        "checkpoint": MODEL,
        "out": "Folder to make.",
        "backend": f"{choices(BUILT) if KNOWN else BUILT}.",
        **help_of(KNOWN),
    },
)
@partial(taking, known=KNOWN)
def build(
    context: Context,
    checkpoint: str,
    out: str,
    backend: str = BUILT,
    yes: bool = False,
    json: bool = False,
    **asked: Any,  # noqa: ANN401 - the backends' options
) -> None:
    """Build an engine: for ONNX Runtime, or by a TensorRT-LLM release's own programs.

    Example: invoke engine.build --checkpoint models/demo-int4 --out engines/demo-int4
    """
    options = own_options(backend, asked)
    chosen = find_backend(backend)
    if isinstance(chosen, BuildsOnHost) and outside():
        from coldforge.paths import Workspace

        host = DockerHost(Workspace.find(), yes)
        found = chosen.build_on_host(host, Path(checkpoint), Path(out), options)
    elif outside():
        _in_image(checkpoint, out, chosen, options, yes=yes, json=json)
        return
    else:
        from coldforge.engine.commands.build import run_build

        found = run_build(checkpoint, out, backend, **options)
    emit(found, json, "\n".join(found["text"]) if found.get("dry_run") else table(found))


def own_options(name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return a backend's own options of all that were given, paths absolute, and check them.

    Raise ColdforgeError for one that only another backend has.
    """
    known = backends()
    chosen = find_backend(name)
    own = {option.name: option for option in chosen.options}
    for other in known.values():
        for option in other.options:
            given_one = asked.get(option.name, option.default) != option.default
            if given_one and option.name not in own:
                why = chosen.lacks.get(option.name)
                raise ColdforgeError(
                    f"--{option.name.replace('_', '-')} is for {other.name}",
                    f"{f'{why}; ' if why else ''}--backend {other.name} has it",
                )
    values = {name: asked.get(name, option.default) for name, option in own.items()}
    found = {name: full(value) if own[name].path else value for name, value in values.items()}
    chosen.check(found)
    return found


def _in_image(
    checkpoint: str, out: str, chosen: Backend, options: dict[str, Any], *, yes: bool, json: bool
) -> None:
    """Run the task in the image, which makes the engine in a folder of its own."""
    from coldforge.engine.card import ENGINE

    usual = {option.name: option.default for option in chosen.options}
    asked = {name: value for name, value in options.items() if value != usual[name]}
    paths = [str(options[item.name]) for item in chosen.options if item.path]
    if chosen.name != BUILT:
        asked["backend"] = chosen.name
    with making(out, ENGINE) as staged:
        spelled = flags(checkpoint=full(checkpoint), out=staged, **asked, json=json)
        hand_over("engine.build", spelled, given(checkpoint, *paths), staged, yes)


def table(found: dict[str, Any]) -> str:
    """Say what was built."""
    from coldforge.progress import amount

    lines = [
        f"{found['backend']} {found['precision']}, {amount(found['disk_bytes'])}",
        f"digest {found['digest']} ({found['seconds']:.0f} s)",
    ]
    return "\n".join(lines)
