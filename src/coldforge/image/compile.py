"""Build a wheel from source in a container: same bytes every time."""

import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from coldforge.errors import ColdforgeError
from coldforge.image.container import Step, ran
from coldforge.image.member import clean_name
from coldforge.image.repack import repack
from coldforge.image.site import Site
from coldforge.stack.lock import Entry

if TYPE_CHECKING:
    import docker

OUT = "/coldforge/out"


def built_wheel(
    client: "docker.DockerClient",
    site: Site,
    name: str,
    image: str,
    env: Mapping[str, str],
    out: Path,
) -> Path:
    """Build wheel recipe `name` in `image`; return the normalised wheel in folder `out`.

    `env`: what a contained step sees in that image.
    """
    sdist, requires = wheel_inputs(site, name)
    inputs = {"build.py": site.space.wheels / "build.py"}
    inputs |= {f"sdist/{sdist.path}": site.blob(sdist)}
    inputs |= {f"wheels/{entry.path}": site.blob(entry) for entry in requires}
    step = Step(
        name=f"wheel {name}",
        image=image,
        command=["python3", "/coldforge/in/build.py"],
        inputs=inputs,
        env={**env, **site.stack.wheels[name].env},
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
