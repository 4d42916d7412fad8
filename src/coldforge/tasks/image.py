"""image.build, .plan, .verify, .export, .prune, .shell: build and check a stack's image."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context

from coldforge.tasks._command import YES, docker_engine, emit, on_host, task
from coldforge.tasks.deploy import install, push, rollback
from coldforge.tasks.evidence import attest, evidence, kept

if TYPE_CHECKING:
    from coldforge.image.build.build import RebuildVerdict
    from coldforge.image.build.builder import BuiltImage
    from coldforge.image.build.plan import Planned

STACK = "Name of docker/stacks/NAME.toml."
JSON = "Print the result for programs."


@partial(task, help={"stack": STACK, "yes": YES, "json": JSON})
def build(context: Context, stack: str = "cpu", yes: bool = False, json: bool = False) -> None:
    """Build a stack's image from the mirror, without network, and load it into Docker Engine.

    Example: invoke image.build --stack cpu
    """
    built = build_and_load(stack, yes)
    emit(built.json(), json, _built_text(built))


def build_and_load(stack: str, yes: bool) -> "BuiltImage":
    """Build what is not cached, and load the layers that Docker Engine lacks."""
    from coldforge.host.endpoint import inspect_local_image
    from coldforge.image.build import build as image_build
    from coldforge.image.containers.docker_engine import image_name
    from coldforge.paths import Workspace

    with docker_engine(yes) as connect:
        place = image_build.build_context(Workspace.find(), stack)
        built = image_build.build(place, connect)
        image_build.deliver(place, built, connect, inspect_local_image(image_name(stack)))
    kept(place)
    return built


@partial(task, help={"stack": STACK, "json": JSON})
def plan(context: Context, stack: str = "cpu", json: bool = False) -> None:
    """Show layer by layer what a build would take from the cache, and what it would make and why.

    Example: invoke image.plan --stack cpu
    """
    from dataclasses import asdict

    from coldforge.image.build.build import build_context
    from coldforge.image.build.cache import Cache
    from coldforge.image.build.plan import plan as steps_of
    from coldforge.paths import Workspace

    place = build_context(Workspace.find(), stack)
    steps = steps_of(place, Cache(place.root / "cache"))
    emit([asdict(item) for item in steps], json, "\n".join(map(_planned_line, steps)))


@partial(task, help={"stack": STACK, "yes": YES, "json": JSON})
def verify(context: Context, stack: str = "cpu", yes: bool = False, json: bool = False) -> None:
    """Build everything a second time and compare; exit 1 on any difference.

    Example: invoke image.verify --stack cpu
    """
    from dataclasses import asdict

    from coldforge.image.build.build import verify as rebuild
    from coldforge.paths import Workspace

    with docker_engine(yes) as connect:
        verdicts = rebuild(Workspace.find(), stack, connect)
    emit([asdict(item) for item in verdicts], json, "\n".join(map(_verdict_line, verdicts)))
    if not all(verdict.same for verdict in verdicts):
        raise SystemExit(1)


@partial(task, help={"stack": STACK, "out": "Folder to make.", "json": JSON})
def export(context: Context, out: str, stack: str = "cpu", json: bool = False) -> None:
    """Write the built image as an OCI image layout.

    Example: invoke image.export --out /media/usb/cpu
    """
    from coldforge.image.oci.export import export as write
    from coldforge.image.oci.layout import Layout
    from coldforge.paths import Workspace

    layout = Layout(Workspace.find().build / "oci")
    manifest = write(layout, stack, Path(out))
    emit({"out": out, "digest": manifest.digest}, json, f"{out}: {stack} {manifest.digest}")


@partial(task, help={"json": JSON})
def prune(context: Context, json: bool = False) -> None:
    """Delete layers that no built image uses any more.

    Example: invoke image.prune
    """
    from coldforge.image.oci.prune import prune as remove
    from coldforge.paths import Workspace
    from coldforge.progress import amount

    done = remove(Workspace.find().build)
    emit(done._asdict(), json, f"{done.files} files removed, {amount(done.size)}")


@partial(task, help={"stack": STACK, "yes": YES})
def shell(context: Context, stack: str = "cpu", yes: bool = False) -> None:
    """Open a shell in the built image: this folder writable, no network, as your user.

    Example: invoke image.shell
    """
    from coldforge.image.containers.launch import shell as open_shell

    built = build_and_load(stack, yes)
    with docker_engine(yes) as connect:
        raise SystemExit(open_shell(connect(), built.stack, Path.cwd()))


def _built_text(built: "BuiltImage") -> str:
    from coldforge.image.containers.docker_engine import image_name
    from coldforge.progress import amount

    wide = max(12, *map(len, built.layers))
    lines = [
        f"{name:<{wide}} {amount(item.size):>9}  {item.digest}"
        for name, item in built.layers.items()
    ]
    total = amount(sum(item.size for item in built.layers.values()))
    name = image_name(built.stack)
    lines.append(f"{'image':<{wide}} {total:>9}  {built.manifest.digest}  {name}")
    return "\n".join(lines)


def _planned_line(item: "Planned") -> str:
    if item.cached:
        return f"{item.name:<20} cached   {item.cached}"
    return f"{item.name:<20} to make  {'; '.join(item.why[:6])}"


def _verdict_line(verdict: "RebuildVerdict") -> str:
    if verdict.same:
        return f"{verdict.name:<12} same     {verdict.was}"
    lines = [f"{verdict.name:<12} differs  {verdict.was} became {verdict.rebuilt}"]
    return "\n".join([*lines, *(f"  {line}" for line in verdict.differs)])


TASKS = on_host(
    Collection(
        "image",
        build,
        plan,
        verify,
        export,
        prune,
        shell,
        install,
        push,
        rollback,
        evidence,
        attest,
    )
)
