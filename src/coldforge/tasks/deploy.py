"""image.install, image.rollback, image.push: bring a stack's image to where it runs."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from coldforge.errors import ColdforgeError
from coldforge.tasks._command import YES, docker_engine, emit, task

if TYPE_CHECKING:
    from coldforge.deploy.fleet import HostOutcome
    from coldforge.deploy.image import StoredImage
    from coldforge.deploy.install import Bring, Installed
    from coldforge.deploy.push import Pushed

STACK = "Name of the stack, built here or received."
JSON = "Print the result for programs."
KEEP = 3


@partial(
    task,
    help={
        "stack": STACK,
        "keep": "Generations to keep in Docker Engine, with the new one.",
        "quorum": "Require attestations by this many different trusted keys.",
        "hosts": "File of Docker Engines to install on, one a line: ssh://USER@HOST, unix://, tcp://.",
        "registry": "Push to this HOST/REPOSITORY[:TAG] first, and pull from there.",
        "yes": YES,
        "json": JSON,
    },
)
def install(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    stack: str = "cpu",
    keep: int = KEEP,
    quorum: int = 0,
    hosts: str = "",
    registry: str = "",
    yes: bool = False,
    json: bool = False,
) -> None:
    """Install a stack's image in Docker Engine as a new generation, and tag it `latest`.

    Example: invoke image.install --stack cpu --quorum 2
    """
    if keep < 1 or quorum < 0:
        raise ColdforgeError(
            "--keep must be at least 1, --quorum at least 0", "see: invoke --help image.install"
        )
    image = _image(stack)
    _check_quorum(image, quorum)
    if hosts:
        _roll_out(image, Path(hosts).expanduser(), keep, registry, json)
        return
    done = _up_to_date(image) if keep == KEEP and not registry else None
    done = done or _install(image, keep, registry, yes)
    result = {"stack": stack, "digest": image.manifest.digest, **_facts(done)}
    emit(result, json, _installed_text(image, done))


@partial(
    task,
    help={
        "stack": STACK,
        "to": "Generation. Default: the previous one.",
        "yes": YES,
        "json": JSON,
    },
)
def rollback(
    context: Context, stack: str = "cpu", to: int = 0, yes: bool = False, json: bool = False
) -> None:
    """Tag the previous generation of a stack's image `latest` again, or a given one.

    Example: invoke image.rollback --stack cpu
    """
    from coldforge.deploy.generations import rollback as roll
    from coldforge.image.containers.step import docker_errors

    with docker_engine(yes) as connect, docker_errors("the rollback"):
        done = roll(connect(), stack, to)
    result = {"stack": stack, **done._asdict()}
    emit(result, json, f"{stack}: generation {done.generation} is in use, {done.was} was")


@partial(
    task,
    positional=["ref"],
    help={"ref": "Where to push: HOST[:PORT]/REPOSITORY[:TAG].", "stack": STACK, "json": JSON},
)
def push(context: Context, ref: str, stack: str = "cpu", json: bool = False) -> None:
    """Push a stack's image and evidence to a registry; blobs that are there are skipped.

    Example: invoke image.push registry.example.org/team/cpu:1 --stack cpu
    """
    import msgspec

    done = _push(_image(stack), ref)
    emit(msgspec.to_builtins(done), json, _pushed_text(done))


def _image(stack: str) -> "StoredImage":
    from coldforge.deploy.image import find_image
    from coldforge.image.oci.layout import Layout
    from coldforge.paths import Workspace

    return find_image(Layout(Workspace.find().build / "oci"), stack)


def _check_quorum(image: "StoredImage", quorum: int) -> None:
    """Check that enough trusted keys attested the image, if a quorum is required."""
    if not quorum:
        return
    from coldforge.deploy.install import check_quorum
    from coldforge.evidence.attest import attesters
    from coldforge.paths import Workspace
    from coldforge.trust.trust import read_trust

    trust = read_trust(Workspace.find().trust)
    signed = attesters(image.layout, image.manifest.digest, trust)
    check_quorum(image.stack, quorum, signed, trust.names)


def _up_to_date(image: "StoredImage") -> "Installed | None":
    """Return the generation if the image is installed already, by one request without the SDK.

    An install with the same `keep` has already removed older generations.
    """
    from coldforge.deploy.generations import installed_generation
    from coldforge.deploy.install import Installed
    from coldforge.host.endpoint import inspect_local_image
    from coldforge.image.containers.docker_engine import image_name

    number = installed_generation(inspect_local_image(image_name(image.stack)), image)
    return Installed(number, False, []) if number else None


def _install(image: "StoredImage", keep: int, registry: str, yes: bool) -> "Installed":
    from coldforge.deploy.install import install as run
    from coldforge.image.containers.step import docker_errors

    bring = _bring(image, registry)
    with docker_engine(yes) as connect, docker_errors("the install"):
        return run(connect(), image, keep, bring)


def _bring(image: "StoredImage", registry: str) -> "Bring":
    """Choose how Docker Engines get the image: from here, or from a registry after a push."""
    from coldforge.deploy.install import FromRegistry, from_layout
    from coldforge.deploy.target import parse_target

    if not registry:
        return from_layout
    _push(image, registry)
    return FromRegistry(parse_target(registry))


def _push(image: "StoredImage", ref: str) -> "Pushed":
    from coldforge.deploy.push import push as run
    from coldforge.deploy.target import parse_target
    from coldforge.paths import Workspace

    return run(image, parse_target(ref), Workspace.find().build / "push")


def _roll_out(image: "StoredImage", hosts: Path, keep: int, registry: str, json: bool) -> None:
    import msgspec

    from coldforge.deploy.fleet import install_on_all, read_hosts
    from coldforge.deploy.install import install as run
    from coldforge.host.docker_client import connect

    listed = read_hosts(hosts)
    bring = _bring(image, registry)
    done = install_on_all(listed, connect, lambda client: run(client, image, keep, bring))
    result = {
        "stack": image.stack,
        "digest": image.manifest.digest,
        "hosts": msgspec.to_builtins(done),
    }
    emit(result, json, _fleet_text(done))
    if any(one.state == "failed" for one in done):
        raise SystemExit(1)


def _facts(done: "Installed") -> dict[str, Any]:
    state = "installed" if done.new else "already"
    return {"state": state, "generation": done.generation, "removed": done.removed}


def _installed_text(image: "StoredImage", done: "Installed") -> str:
    verb = "installed as" if done.new else "already installed as"
    text = f"{image.stack}: {verb} generation {done.generation}  {image.manifest.digest}"
    removed = ", ".join(map(str, done.removed))
    return text + (f"\nremoved: generation {removed}" if removed else "")


def _fleet_text(outcomes: list["HostOutcome"]) -> str:
    wide = max(len(one.host) for one in outcomes)
    lines = []
    for one in outcomes:
        text = f"generation {one.generation}" if one.generation else one.why
        lines.append(f"{one.host:<{wide}}  {one.state:<9}  {text}")
        lines += [f"{'':<{wide}}  {'hint:':<9}  {one.hint}"] * bool(one.hint)
    failed = sum(one.state == "failed" for one in outcomes)
    if failed:
        lines.append(f"{failed} of {len(outcomes)} failed; run the same command again to retry")
    return "\n".join(lines)


def _pushed_text(done: "Pushed") -> str:
    from coldforge.progress import amount

    parts = [f"{done.sent} blobs sent ({amount(done.size)})" if done.sent else "no blobs to send"]
    parts += [f"{done.mounted} mounted from another repository"] * bool(done.mounted)
    parts += [f"{done.present} were there already"] * bool(done.present)
    parts += [f"{done.referrers} new referrers"] * bool(done.referrers)
    return f"{done.target} {done.digest}\n{', '.join(parts)}"
