"""Hand-carried files of a layer: their versions in its recipe, the wheels inside them."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.archive import members, named_damage
from coldforge.stack.lock import Lock
from coldforge.stack.recipe import LayerRecipe, Place
from coldforge.stack.stack import Python
from coldforge.stack.tags import best_wheel, supported

CarriedFile = tuple[str, str, Path]
"""Name in the release profile, file name, bytes."""


def versions(lock: Lock, layers: Iterable[str]) -> dict[str, str]:
    """Name the locked version of each hand-carried file that `layers` take."""
    entries = [entry for layer in layers for entry in lock.of(layer)]
    return {entry.name: entry.version for entry in entries if entry.origin == "file"}


def variables(lock: Lock, layers: Iterable[str]) -> dict[str, str]:
    """Pass the locked versions to a step as variables: COLDFORGE_TENSORRT_VERSION."""
    return {
        f"COLDFORGE_{name.upper().replace('-', '_')}_VERSION": version
        for name, version in versions(lock, layers).items()
    }


def with_versions(recipe: LayerRecipe, known: Mapping[str, str]) -> LayerRecipe:
    """Write the versions of hand-carried files into a recipe: {tensorrt} becomes 9.0.1.4."""

    def fill(value: Any) -> Any:  # noqa: ANN401 - whatever a recipe holds
        if isinstance(value, str):
            for name, version in known.items():
                value = value.replace(f"{{{name}}}", version)
            return value
        if isinstance(value, list):
            return [fill(item) for item in value]
        return (
            {key: fill(item) for key, item in value.items()} if isinstance(value, dict) else value
        )

    return msgspec.structs.replace(
        recipe,
        place=msgspec.convert(fill(msgspec.to_builtins(recipe.place)), list[Place]),
        links=fill(recipe.links),
        text=fill(recipe.text),
        packages=fill(recipe.packages),
    )


@contextmanager
def wheels_inside(
    packages: Mapping[str, str], carried: Iterable[CarriedFile], python: Python | None
) -> Iterator[list[tuple[str, Path]]]:
    """Extract from each archive the wheel that suits the image's interpreter: file name, bytes.

    `packages`: archive -> glob of its wheels. Raise ColdforgeError if none suits.
    """
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for name, filename, path in carried:
            if name in packages:
                place = Path(folder) / name
                names = _extracted(packages[name], filename, path, place)
                best = _best(names, filename, packages[name], python)
                found.append((best, place / best))
        yield found


def _extracted(glob: str, filename: str, path: Path, place: Path) -> list[str]:
    """Write the members that match `glob` into folder `place`; list their names."""
    place.mkdir()
    names = []
    with named_damage(filename):
        for member, content in members(filename, path):
            if content and member.kind == "file" and fnmatchcase(member.path, glob):
                names.append(member.path.rpartition("/")[2])
                with (place / names[-1]).open("wb") as target:
                    while data := content.read(1 << 20):
                        target.write(data)
    return names


def _best(names: list[str], filename: str, glob: str, python: Python | None) -> str:
    if python is None:
        message = f"{filename} holds a Python package, but the stack names no [python]"
        raise ColdforgeError(message, "add [python] to the stack")
    best = best_wheel(names, supported(python))
    if best is None:
        has = ", ".join(sorted(names)) or f"nothing that matches {glob}"
        message = f"{filename} has no Python package for Python {python.version}: it has {has}"
        raise ColdforgeError(message, "give the stack a Python that the file has a package for")
    return best
