"""Build a wheel from source in a container, reproducibly."""

import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import IO

from coldforge.errors import ColdforgeError
from coldforge.image.containers.step import ContainerStep, finished
from coldforge.image.filesystem.member import clean_name
from coldforge.image.filesystem.wheel import repack
from coldforge.image.layers.context import BuildContext
from coldforge.image.layers.release_build import BuildEnvironment, release_step
from coldforge.stack.lock import Entry

OUT = "/coldforge/out"
# nvcc's temporary files are named by process id, and the names end up in the object file,
# unless they are written beside it.
NVCC_ENV = {"NVCC_APPEND_FLAGS": "-objtemp"}


def built_wheel(build_env: BuildEnvironment, context: BuildContext, name: str, out: Path) -> Path:
    """Build wheel recipe `name`; return the normalised wheel in folder `out`."""
    recipe = context.stack.wheels[name]
    source, requires = wheel_inputs(context, name)
    step = ContainerStep(
        name=f"wheel {name}",
        image=build_env.image,
        command=["python3", "/coldforge/in/build.py"],
        inputs={f"wheels/{entry.path}": context.blob(entry) for entry in requires},
        env={**build_env.env, **NVCC_ENV, **recipe.env},
    )
    log = context.logs / f"wheel.{name}.log"
    if recipe.release:
        step = release_step(build_env, context, step, source)
        log = context.logs / "build_whl.log"
    else:
        inputs = {"build.py": context.space.wheels / "build.py"}
        inputs |= {f"sdist/{source.path}": context.blob(source)}
        step = replace(step, inputs={**step.inputs, **inputs})
    with finished(build_env.client, step, log) as container:
        archive, _ = container.get_archive(OUT)
        made = _only_wheel(archive, out)
    if recipe.release:
        shutil.copyfile(log, out / log.name)
    return made


def wheel_inputs(context: BuildContext, name: str) -> tuple[Entry, list[Entry]]:
    """Split a wheel recipe's inputs into its source and its build requirements."""
    entries = [entry for entry in context.lock.of(f"wheel/{name}") if entry.origin != "lfs"]
    sources = [entry for entry in entries if not entry.path.endswith(".whl")]
    if len(sources) != 1:
        hint = f"run: ./invokew stack.lock --stack {context.stack.name}"
        raise ColdforgeError(f"the lock holds {len(sources)} sources for wheel {name}", hint)
    return sources[0], [entry for entry in entries if entry is not sources[0]]


def _only_wheel(archive: Iterable[bytes], out: Path) -> Path:
    with tempfile.TemporaryFile() as spool:
        for chunk in archive:
            spool.write(chunk)
        spool.seek(0)
        with tarfile.open(fileobj=spool, mode="r:") as tar:
            found = [info for info in tar if info.isfile() and info.name.endswith(".whl")]
            if len(found) != 1:
                raise ColdforgeError(f"the build left {len(found)} wheels instead of one")
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
