"""Provenance of an image: what it was built from, by what, into which layers.

Sources: in-toto attestation framework v1 (Statement, ResourceDescriptor, DigestSet);
SLSA provenance v1.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldforge import __version__
from coldforge.evidence.built_wheels import REVISION, BuiltWheel, labels_of
from coldforge.evidence.components import Component
from coldforge.evidence.subject import ImageSubject, find
from coldforge.files.code import code_digest
from coldforge.files.digest import canonical_json, sha256_file
from coldforge.image.build.cache_key import LAYER_CODE
from coldforge.image.layers.context import BuildContext
from coldforge.mirror.origins.origin import package_url
from coldforge.stack.recipe import layer_folder, layer_script, wheel_folder

MEDIA_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:coldforge:image.build:1"
BUILDER = "urn:coldforge:builder"

Resource = dict[str, Any]


@dataclass(frozen=True)
class BuildRecord:
    """A finished build: the image, its components and wheels, and its SBOMs."""

    context: BuildContext
    subject: ImageSubject
    components: list[Component]
    wheels: list[BuiltWheel]
    sboms: Mapping[str, bytes]
    """File name -> document."""


def statement(record: BuildRecord) -> bytes:
    """Write the statement on an image that was built here; the same wherever it was."""
    subject = record.subject
    details = {
        "builder": {"id": BUILDER, "version": {"coldforge": __version__}},
        "byproducts": [*_layers(record), *_wheels(record), *_sboms(record)],
    }
    return canonical_json(
        {
            "_type": STATEMENT,
            "subject": [_resource(subject.name, subject.sha256)],
            "predicateType": PREDICATE,
            "predicate": {"buildDefinition": _definition(record), "runDetails": details},
        }
    )


def _definition(record: BuildRecord) -> Resource:
    """Describe the request and every input of the build."""
    context = record.context
    inputs = (_component(one) for one in record.components if one.locked or not one.sha256)
    return {
        "buildType": BUILD_TYPE,
        "externalParameters": {"stack": record.subject.name},
        "internalParameters": {
            "epoch": context.stack.file.epoch,
            "layerCode": f"sha256:{code_digest(*LAYER_CODE)}",
        },
        "resolvedDependencies": [
            _checkout(context, record.subject),
            *_recipes(context),
            *_builder(context),
            *inputs,
        ],
    }


def lock_name(context: BuildContext) -> str:
    """Name the stack's lock as a statement does."""
    return context.space.lock(context.stack.name).relative_to(context.space.root).as_posix()


def _checkout(context: BuildContext, subject: ImageSubject) -> Resource:
    """Name the commit the recipes are of; a checkout that differs from it has no digest."""
    revision = labels_of(context.layout, subject.manifest.digest).get(REVISION, "")
    told: Resource = {"name": "checkout", "uri": package_url("generic", "coldforge", revision)}
    clean = len(revision) == 40 and set(revision) <= set("0123456789abcdef")
    return told | ({"digest": {"gitCommit": revision}} if clean else {})


def _builder(context: BuildContext) -> Iterator[Resource]:
    """Name the image in which the wheels were compiled, if that is another one."""
    if context.builder:
        built = find(context.layout, context.builder.stack.name)
        yield _resource(f"image/{built.name}", built.sha256) | {"uri": built.purl}


def _recipes(context: BuildContext) -> Iterator[Resource]:
    """List the recipe files and folders of the stack and of its builder."""
    found: dict[str, Path] = {}
    for at in filter(None, (context, context.builder)):
        space, stack = at.space, at.stack
        files = [space.stacks / f"{stack.name}.toml", space.lock(stack.name)]
        if stack.file.release:
            files.append(space.releases / f"{stack.file.release}.toml")
        for layer, recipe in stack.layers.items():
            files += [layer_folder(space.layers, layer)]
            files += [layer_script(space.layers, layer, recipe.script)] if recipe.script else []
            files += [space.root / source for source in recipe.inputs.files]
        for wheel, made in stack.wheels.items():
            files.append(wheel_folder(space.wheels, wheel))
            files.append(space.wheels / ("release.py" if made.release else "build.py"))
        found |= {file.relative_to(space.root).as_posix(): file for file in files}
    inside = {name for name in found if any(name.startswith(f"{other}/") for other in found)}
    for name, path in sorted(found.items()):
        if name not in inside:
            digest = {"dirHash": folder_hash(path)} if path.is_dir() else {}
            yield {"name": name, "digest": digest or {"sha256": sha256_file(path)}}


def folder_hash(folder: Path) -> str:
    """Hash the names and contents of a folder's files; in-toto's dirHash, hex."""
    files = (path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): path for path in files}
    names = sorted(name for name in found if "__pycache__" not in name)
    lines = "".join(f"{sha256_file(found[name])}  {name}\n" for name in names)
    return hashlib.sha256(lines.encode()).hexdigest()


def _component(one: Component) -> Resource:
    """Describe an input of the lock, or a commit inside a source tree."""
    digest = {"sha256": one.sha256} if one.sha256 else {"gitCommit": one.version}
    return {"name": one.file, "uri": one.purl, "digest": digest}


def _layers(record: BuildRecord) -> Iterator[Resource]:
    layers = record.context.layout.read(record.subject.manifest.digest)["layers"]
    for name, layer in zip(record.context.stack.layers, layers, strict=True):
        yield _resource(f"layer/{name}", layer["digest"].removeprefix("sha256:"))


def _wheels(record: BuildRecord) -> Iterator[Resource]:
    for wheel in sorted(record.wheels, key=lambda item: item.name):
        yield _resource(f"wheel/{wheel.name}", sha256_file(wheel.path))


def _sboms(record: BuildRecord) -> Iterator[Resource]:
    """Name the SBOMs, so that who signs the statement signs them too."""
    for name, data in sorted(record.sboms.items()):
        yield _resource(f"sbom/{name}", hashlib.sha256(data).hexdigest())


def _resource(name: str, sha256: str) -> Resource:
    return {"name": name, "digest": {"sha256": sha256}}
