"""Make a layer from its inputs: assembled from their bytes, or built by a script."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from coldforge.errors import ColdforgeError
from coldforge.image.containers.step import ContainerStep, finished
from coldforge.image.filesystem import deb, extract_rules, flatten, wheel
from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import LayerWriter
from coldforge.image.filesystem.tree import Tree
from coldforge.image.layers import carried
from coldforge.image.layers.collect import collect, exported
from coldforge.image.layers.context import BuildContext, fixed_environment
from coldforge.image.oci.layout import Descriptor
from coldforge.stack.recipe import LayerRecipe, layer_script

if TYPE_CHECKING:
    import docker


def bootstrap_layer(context: BuildContext, name: str) -> Descriptor:
    """Lay the layer's packages out unconfigured: the root in which its own script can run."""
    debs = [context.blob(entry) for entry in context.lock.of(name) if entry.origin == "debian"]
    return context.write(lambda writer: deb.lay_out(debs, writer.add))


def assembled_layer(
    context: BuildContext, name: str, wheels: Mapping[str, Path], project: Path | None
) -> Descriptor:
    """Lay a layer out straight from its inputs.

    `wheels`: recipe -> its built wheel; `project`: the project's own wheel.
    """
    entries = context.lock.of(name)
    recipe = carried.with_versions(
        context.stack.layers[name], carried.versions(context.lock, [name])
    )
    brought = [(e.name, e.path, context.blob(e)) for e in entries if e.origin == "file"]
    given = [(e.path, e.path, context.blob(e)) for e in entries if e.origin == "python"] + brought
    placed = [archive for archive in given if extract_rules.takes(recipe, archive[0])]
    files = [archive[1:] for archive in given if _is_package(recipe, archive)]
    files += [(path.name, path) for path in wheels.values()]
    if project:
        files.append((project.name, project))
    python = context.stack.file.python
    if files and python is None:
        raise ColdforgeError(f"layer {name} takes wheels, but the stack names no [python]")

    def write(writer: LayerWriter) -> None:
        flatten.flatten(_base_image(context, name), writer, context.layout.root)
        extract_rules.place_archives(recipe, placed, writer)
        with carried.wheels_inside(recipe.packages, brought, python) as inside:
            for filename, path in sorted([*files, *inside]):
                wheel.install_wheel(path, filename, writer, python.version if python else "")
        for source, target in sorted(recipe.inputs.files.items()):
            data = (context.space.root / source).read_bytes()
            member = Member(target.strip("/"), "file", 0o644, size=len(data))
            writer.add(member, io.BytesIO(data))

    return context.write(write)


def _is_package(recipe: LayerRecipe, archive: carried.CarriedFile) -> bool:
    """Tell a wheel to install from an archive that a rule takes; refuse what nothing takes."""
    name, filename, _ = archive
    if extract_rules.takes(recipe, name) or name in recipe.packages:
        return False
    if filename.endswith(".whl"):
        return True
    message = f"no rule of the recipe says what to do with {filename}"
    raise ColdforgeError(message, f"add a [[place]] with input = '{name}' to its layer.toml")


def built_layer(
    client: "docker.DockerClient", context: BuildContext, name: str, image: str, below: Tree
) -> Descriptor:
    """Run the layer's script in `image` and keep the declared changes against `below`."""
    recipe = context.stack.layers[name]
    script = recipe.script or ""
    names = list(context.stack.layers)
    source = layer_script(context.space.layers, name, script)
    step = ContainerStep(
        name=f"layer {name}",
        image=image,
        command=["/bin/sh", f"/coldforge/in/{script}"],
        inputs={script: source} | _debs(context, name) | _carried(context, name),
        env=fixed_environment(context.stack, names[: names.index(name) + 1])
        | carried.variables(context.lock, names[: names.index(name) + 1]),
        capabilities=recipe.capabilities,
    )
    with finished(client, step, context.logs / f"{name}.log") as container:

        def write(writer: LayerWriter) -> None:
            found = exported(container, recipe.outputs, below)
            collect(found, below, recipe.outputs, writer, context.layout.root)

        return context.write(write)


def _base_image(context: BuildContext, name: str) -> list[flatten.PackedLayer]:
    """List the layers of the base image that layer `name` takes, from the bottom up."""
    entries = [entry for entry in context.lock.of(name) if entry.origin == "registry"]
    return flatten.layers_of([(entry, context.blob(entry)) for entry in entries])


def _carried(context: BuildContext, name: str) -> dict[str, Path]:
    """Show a script its hand-carried files as carried/<name>."""
    entries = [entry for entry in context.lock.of(name) if entry.origin == "file"]
    return {f"carried/{entry.name}": context.blob(entry) for entry in entries}


def _debs(context: BuildContext, name: str) -> dict[str, Path]:
    entries = [entry for entry in context.lock.of(name) if entry.origin == "debian"]
    return {f"debs/{entry.name}_{entry.version}.deb": context.blob(entry) for entry in entries}
