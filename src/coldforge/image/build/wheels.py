"""Wheels of a stack: from the cache, or compiled; audited before any layer takes them."""

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.files.code import code_digest
from coldforge.files.digest import sha256_file
from coldforge.image.audit.ldso import DynamicLinker
from coldforge.image.audit.wheel import REPORT, audit_wheel
from coldforge.image.build.cache import Cache
from coldforge.image.build.cache_key import LAYER_CODE, Description
from coldforge.image.build.plan import wheel_description, wheel_folder
from coldforge.image.layers.compile import built_wheel
from coldforge.image.layers.context import BuildContext
from coldforge.image.layers.release_build import BuildEnvironment, CompileOptions
from coldforge.image.oci.config import environment
from coldforge.progress import step

AUDIT_CODE = ("image/audit", *LAYER_CODE)
"""Our code that decides whether a wheel passes its audit."""


@dataclass(frozen=True)
class WheelBuild:
    """A wheel to build: the layer it is for, the layers below, and where it is compiled."""

    context: BuildContext
    cache: Cache
    name: str
    layer: str
    below: list[str]
    """diffIDs of the layers that the wheel will run on."""
    compilers: list[str]
    """diffIDs of the layers that it is compiled in."""
    build_env: Callable[[], BuildEnvironment]
    options: CompileOptions


def audited_wheel(wanted: WheelBuild) -> tuple[Path, str]:
    """Find or build the wheel, audited; return the file and its digest."""
    context = wanted.context
    description = wheel_description(context, wanted.name, wanted.layer, wanted.compilers)
    folder = wheel_folder(context, description)
    record = wanted.cache.get(description)
    if record and (folder / record["file"]).is_file():
        made, digest = folder / record["file"], record["digest"]
        if wanted.options.rebuild:
            _rebuild(wanted, made, folder.with_name(f"{folder.name}.again"))
    else:
        made = _build(wanted, folder)
        digest = f"sha256:{sha256_file(made)}"
        found = {"file": made.name, "digest": digest}
        wanted.cache.put(f"wheel/{wanted.name}", description, found)
    if context.stack.file.architectures:
        _audit(wanted, made, digest)
    return made, digest


def _build(wanted: WheelBuild, folder: Path) -> Path:
    with step(f"Building wheel {wanted.name} from source") as at:
        made = built_wheel(wanted.build_env(), wanted.context, wanted.name, folder)
        at.result = made.name
    return made


def _rebuild(wanted: WheelBuild, made: Path, folder: Path) -> None:
    """Build the wheel again and compare; the second is removed if it is the same."""
    shutil.rmtree(folder, ignore_errors=True)
    again = _build(wanted, folder)
    different = differences(made, again)
    if different:
        message = f"wheel {wanted.name}, built again, differs in {', '.join(different[:3])}"
        raise ColdforgeError(message, f"compare {made} with {again}")
    shutil.rmtree(folder)


def differences(one: Path, other: Path) -> list[str]:
    """Name the members that differ between two wheels; the files themselves if no member does."""
    if sha256_file(one) == sha256_file(other):
        return []
    with zipfile.ZipFile(one) as left, zipfile.ZipFile(other) as right:
        old, new = ({info.filename: info.CRC for info in z.infolist()} for z in (left, right))
    names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    return names or [one.name]


def _audit(wanted: WheelBuild, made: Path, digest: str) -> None:
    """Audit the wheel unless this wheel on these layers passed before."""
    context = wanted.context
    description = _audit_key(wanted, digest)
    if wanted.cache.get(description) and made.with_name(REPORT).is_file():
        return
    names = list(context.stack.layers)
    env = environment(context.stack, names[: names.index(wanted.layer)])
    layers = [context.layout.blob(digest) for digest in wanted.below]
    with step(f"Auditing wheel {wanted.name}") as at:
        image = DynamicLinker(layers, env.get("LD_LIBRARY_PATH", ""))
        audit = audit_wheel(wanted.build_env(), context, wanted.name, made, image)
        at.result = f"{len(audit.binaries)} binaries"
    wanted.cache.put(f"audit/{wanted.name}", description, {"passed": "yes"})


def _audit_key(wanted: WheelBuild, digest: str) -> Description:
    return {
        "coldforge's own code": code_digest(*AUDIT_CODE),
        "audit": wanted.name,
        "file audit.py": sha256_file(wanted.context.space.wheels / "audit.py"),
        "wheel": digest,
        "architectures": " ".join(wanted.context.stack.file.architectures),
        "layers": " ".join(wanted.below),
    }
