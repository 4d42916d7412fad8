"""What decides a step's result, as flat text: its key is the hash, its changes are readable."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from coldforge.errors import ColdforgeError
from coldforge.files.code import code_digest, files_below
from coldforge.files.digest import canonical_json, sha256_file, sha256_json
from coldforge.paths import Workspace
from coldforge.stack.lock import Lock
from coldforge.stack.recipe import layer_script, wheel_folder
from coldforge.stack.stack import Stack

Description = Mapping[str, str]
PROJECT = ("pyproject.toml", "LICENSE", "src/coldforge")
LAYER_CODE = (
    "files",
    "image/containers",
    "image/filesystem",
    "image/layers",
    "image/oci",
    "mirror/store.py",
    "paths.py",
    "stack",
    "tomlfile.py",
)
"""All of our code that decides the bytes of layers and wheels: a change rebuilds everything."""
MESSAGES = ("errors.py", "progress.py")
"""What that code imports besides: messages only."""


def layer(
    space: Workspace, stack: Stack, lock: Lock, name: str, built: Mapping[str, str]
) -> Description:
    """Describe a layer but for its parents; `built`: wheel recipe -> digest of its wheel."""
    recipe = stack.layers[name]
    parts = _common(stack)
    # What only runs after the layer exists decides nothing about its bytes.
    fixed = msgspec.structs.replace(recipe, check=None, probes=None, summary="", env={})
    parts["recipe"] = sha256_json(msgspec.to_builtins(fixed))
    if recipe.script:
        place = layer_script(space.layers, name, recipe.script)
        parts |= _files(place.parent, [recipe.script])
    parts |= {f"input {e.origin}:{e.name} {e.version}": e.sha256 for e in lock.of(name)}
    parts |= {f"input wheel:{wheel}": built[wheel] for wheel in recipe.inputs.wheels}
    parts |= _files(space.root, recipe.inputs.files)
    inputs = recipe.inputs
    if inputs.python or inputs.wheels or inputs.project or inputs.carried:
        parts["python"] = stack.file.python.version if stack.file.python else ""
    if recipe.packages and stack.file.python:
        parts["python platform"] = stack.file.python.platform
    if recipe.inputs.project:
        parts |= _files(space.root, project_files(space))
    return parts


def wheel(space: Workspace, stack: Stack, lock: Lock, name: str) -> Description:
    """Describe the building of a wheel but for the layers it is built in."""
    parts = _common(stack)
    recipe = msgspec.structs.replace(stack.wheels[name], summary="")
    parts["recipe"] = sha256_json(msgspec.to_builtins(recipe))
    parts |= _files(space.wheels, ["release.py" if recipe.release else "build.py"])
    if recipe.release and stack.profile:
        # What only saves time decides nothing about the bytes.
        build = msgspec.structs.replace(stack.profile.build, jobs=[], ccache=[], memory=0.0)
        parts["release"] = sha256_json(msgspec.to_builtins(build))
        parts["architectures"] = " ".join(stack.file.architectures)
    folder = wheel_folder(space.wheels, name)
    extra = sorted(p.name for p in folder.iterdir() if p.is_file() and p.name != "wheel.toml")
    parts |= _files(folder, extra)
    parts |= {f"input {e.origin}:{e.name} {e.version}": e.sha256 for e in lock.of(f"wheel/{name}")}
    return parts


def with_parents(
    description: Description, parents: Iterable[str], env: Mapping[str, str]
) -> Description:
    """Add what a step in a container depends on: the diffIDs below it and its environment."""
    where = {f"environment {name}": value for name, value in env.items()}
    return {**description, **where, "layers below": " ".join(parents)}


def key(description: Description) -> str:
    """Hash a description; hex."""
    return hashlib.sha256(canonical_json(dict(description))).hexdigest()


def differences(old: Description, new: Description) -> list[str]:
    """List what changed between two descriptions of the same step."""
    lines = []
    for part in sorted(old.keys() | new.keys()):
        if part not in old:
            lines.append(f"new {part}")
        elif part not in new:
            lines.append(f"gone {part}")
        elif old[part] != new[part]:
            lines.append(f"{part} changed")
    return lines


def project_files(space: Workspace) -> list[str]:
    """List the files that the project's own wheel is made of."""
    return [file for name in PROJECT for file in files_below(space.root, name)]


def _common(stack: Stack) -> dict[str, str]:
    return {"coldforge's own code": code_digest(*LAYER_CODE), "epoch": str(stack.file.epoch)}


def _files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    try:
        return {f"file {name}": sha256_file(folder / name) for name in names}
    except FileNotFoundError as error:
        message = f"{error.filename} is not there, but a recipe names it"
        raise ColdforgeError(message, "restore the file or correct the recipe") from error
