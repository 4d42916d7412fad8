"""Make one thing from its inputs: an assembled layer, a built layer, a wheel from source."""

import io
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from coldforge.errors import ColdforgeError
from coldforge.image import deb, wheel
from coldforge.image.collect import collect
from coldforge.image.config import environment
from coldforge.image.container import Step, ran
from coldforge.image.layout import LAYER, Descriptor, Layout
from coldforge.image.member import Member, clean_name
from coldforge.image.repack import repack
from coldforge.image.tar import LayerWriter
from coldforge.image.tree import Tree
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, Lock
from coldforge.stack.recipe import layer_folder
from coldforge.stack.stack import Stack

if TYPE_CHECKING:
    import docker

OUT = "/coldforge/out"
Write = Callable[[LayerWriter], None]


@dataclass(frozen=True)
class Site:
    """Where things are made: the checkout, the stack and its lock, the mirror, the layout."""

    space: Workspace
    stack: Stack
    lock: Lock
    store: Store
    layout: Layout
    root: Path
    """Where everything made here is kept: build/, or a scratch folder."""

    @property
    def logs(self) -> Path:
        """Folder of the steps' logs."""
        return self.root / "log"

    def blob(self, entry: Entry) -> Path:
        """Find an input's bytes; raise ColdforgeError if the mirror lacks them."""
        hint = f"run: ./invokew mirror.fetch --stack {self.stack.name}"
        return self.store.need(entry.sha256, f"{entry.name} {entry.version}", hint)

    def write(self, write: Write) -> Descriptor:
        """Let `write` fill a layer; keep it under its diffID."""
        with self.layout.scratch() as stream:
            writer = LayerWriter(stream, self.stack.file.epoch)
            write(writer)
            sha256, _ = writer.close()
            return self.layout.keep(stream, sha256, LAYER)


def fixed_environment(stack: Stack, layers: list[str]) -> dict[str, str]:
    """Give a contained step the layers' environment and what keeps its output the same."""
    return environment(stack, layers) | {
        "SOURCE_DATE_EPOCH": str(stack.file.epoch),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TZ": "UTC",
        "HOME": "/tmp",  # noqa: S108 - the container's own
        "DEBIAN_FRONTEND": "noninteractive",
    }


def bootstrap_layer(site: Site, name: str) -> Descriptor:
    """Lay the layer's packages out unconfigured: the root in which its own script can run."""
    debs = [site.blob(entry) for entry in site.lock.of(name) if entry.origin == "debian"]
    return site.write(lambda writer: deb.lay_out(debs, writer.add))


def assembled_layer(
    site: Site, name: str, wheels: Mapping[str, Path], project: Path | None
) -> Descriptor:
    """Lay a layer out straight from its inputs.

    `wheels`: recipe -> its built wheel; `project`: the project's own wheel.
    """
    recipe = site.stack.layers[name]
    files = [(e.path, site.blob(e)) for e in site.lock.of(name) if e.origin == "python"]
    files += [(path.name, path) for path in wheels.values()]
    if project:
        files.append((project.name, project))
    python = site.stack.file.python
    if files and python is None:
        raise ColdforgeError(f"layer {name} takes wheels, but the stack names no [python]")

    def write(writer: LayerWriter) -> None:
        for filename, path in sorted(files):
            wheel.install_wheel(path, filename, writer, python.version if python else "")
        for source, place in sorted(recipe.inputs.files.items()):
            data = (site.space.root / source).read_bytes()
            member = Member(place.strip("/"), "file", 0o644, size=len(data))
            writer.add(member, io.BytesIO(data))

    return site.write(write)


def built_layer(
    client: "docker.DockerClient", site: Site, name: str, image: str, below: Tree
) -> Descriptor:
    """Run the layer's script in `image` and keep the declared changes against `below`."""
    recipe = site.stack.layers[name]
    script = recipe.script or ""
    names = list(site.stack.layers)
    step = Step(
        name=f"layer {name}",
        image=image,
        command=["/bin/sh", f"/coldforge/in/{script}"],
        inputs={script: layer_folder(site.space.layers, name) / script} | _debs(site, name),
        env=fixed_environment(site.stack, names[: names.index(name) + 1]),
        capabilities=recipe.capabilities,
    )
    with ran(client, step, site.logs / f"{name}.log") as container:

        def write(writer: LayerWriter) -> None:
            exported = container.export(chunk_size=1 << 20)
            collect(exported, below, recipe.outputs, writer, site.layout.root)

        return site.write(write)


def built_wheel(
    client: "docker.DockerClient", site: Site, name: str, image: str, layers: list[str], out: Path
) -> Path:
    """Build wheel recipe `name` in `image`; return the normalised wheel in folder `out`."""
    sdist, requires = wheel_inputs(site, name)
    inputs = {"build.py": site.space.wheels / "build.py"}
    inputs |= {f"sdist/{sdist.path}": site.blob(sdist)}
    inputs |= {f"wheels/{entry.path}": site.blob(entry) for entry in requires}
    step = Step(
        name=f"wheel {name}",
        image=image,
        command=["python3", "/coldforge/in/build.py"],
        inputs=inputs,
        env=fixed_environment(site.stack, layers) | site.stack.wheels[name].env,
    )
    with ran(client, step, site.logs / f"wheel.{name}.log") as container:
        archive, _ = container.get_archive(OUT)
        return _only_wheel(archive, out)


def wheel_inputs(site: Site, name: str) -> tuple[Entry, list[Entry]]:
    """Split a wheel recipe's inputs into its sdist and its build requirements."""
    entries = site.lock.of(f"wheel/{name}")
    sdists = [entry for entry in entries if not entry.path.endswith(".whl")]
    if len(sdists) != 1:
        hint = f"run: ./invokew stack.lock --stack {site.stack.name}"
        raise ColdforgeError(f"the lock holds {len(sdists)} sdists for wheel {name}", hint)
    return sdists[0], [entry for entry in entries if entry is not sdists[0]]


def _debs(site: Site, name: str) -> dict[str, Path]:
    entries = [entry for entry in site.lock.of(name) if entry.origin == "debian"]
    return {f"debs/{entry.name}_{entry.version}.deb": site.blob(entry) for entry in entries}


def _only_wheel(archive: Iterable[bytes], out: Path) -> Path:
    with tempfile.TemporaryFile() as spool:
        for chunk in archive:
            spool.write(chunk)
        spool.seek(0)
        with tarfile.open(fileobj=spool, mode="r:") as tar:
            found = [info for info in tar if info.isfile() and info.name.endswith(".whl")]
            if len(found) != 1:
                raise ColdforgeError(f"the build left {len(found)} wheels, not one")
            filename = Path(clean_name(found[0].name)).name
            return _repacked(tar.extractfile(found[0]), filename, out)


def _repacked(content: IO[bytes] | None, filename: str, out: Path) -> Path:
    with tempfile.NamedTemporaryFile(suffix=".whl") as raw:
        while content and (data := content.read(1 << 20)):
            raw.write(data)
        raw.flush()
        out.mkdir(parents=True, exist_ok=True)
        part = out / f".{filename}"
        try:
            repack(Path(raw.name), part)
        except zipfile.BadZipFile as error:
            part.unlink(missing_ok=True)
            raise ColdforgeError(f"the build left a damaged {filename}: {error}") from error
        return part.replace(out / filename)
