"""Check a finished layer: run its script in the image so far, as nobody, on a read-only root."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from coldforge.files.digest import sha256_file
from coldforge.image.build.cache import Cache
from coldforge.image.containers.step import ContainerStep, finished
from coldforge.image.layers.carried import variables
from coldforge.image.layers.context import BuildContext, fixed_environment
from coldforge.progress import step
from coldforge.stack.recipe import layer_folder

if TYPE_CHECKING:
    import docker

NOBODY = "65534:65534"


def check_inputs(context: BuildContext, name: str) -> Mapping[str, Path]:
    """Collect what the check of layer `name` reads: its script and the probes; {} without one."""
    recipe = context.stack.layers[name]
    if not recipe.check:
        return {}
    inputs = {recipe.check: layer_folder(context.space.layers, name) / recipe.check}
    if recipe.probes:
        folder = context.space.root / recipe.probes
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        inputs |= {f"probes/{path.relative_to(folder)}": path for path in found}
    return inputs


def run_check(
    context: BuildContext,
    cache: Cache,
    name: str,
    below: list[str],
    runner: Callable[[], tuple["docker.DockerClient", str]],
) -> None:
    """Run the layer's check unless this check of these layers (diffIDs) has passed before.

    `runner` returns the Docker client and an image of the layers. Raise ColdforgeError if it fails.
    """
    inputs = check_inputs(context, name)
    names = list(context.stack.layers)
    told = variables(context.lock, names[: names.index(name) + 1])
    description = {f"file {path}": sha256_file(source) for path, source in inputs.items()}
    description |= {"check": name, "layers": " ".join(below), **told}
    if not inputs or cache.get(description):
        return
    client, image = runner()
    recipe = context.stack.layers[name]
    work = ContainerStep(
        name=f"check {name}",
        image=image,
        command=["/bin/sh", f"/coldforge/in/{recipe.check}"],
        inputs=inputs,
        env=fixed_environment(context.stack, names[: names.index(name) + 1]) | told,
        user=NOBODY,
        read_only=True,
    )
    with step(f"Checking layer {name}"), finished(client, work, context.logs / f"check.{name}.log"):
        cache.put(f"check/{name}", description, {"passed": "yes"})
