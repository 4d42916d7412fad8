"""Python packages: resolved to files for the image's interpreter, and where those files are."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from coldforge.errors import ColdforgeError
from coldforge.mirror.http.urls import redact
from coldforge.mirror.origins.python.probe import answering, measure
from coldforge.mirror.origins.python.uv import ALL, File, ResolvedPackage, Resolver
from coldforge.mirror.settings.pip import PipConfig, read_pip
from coldforge.progress import step
from coldforge.stack.lock import Entry
from coldforge.stack.recipe import WheelRecipe
from coldforge.stack.stack import Python
from coldforge.stack.tags import best_wheel, markers, supported

WHEEL = "wheel/"


class Choice(NamedTuple):
    """The one file of a package that serves a use."""

    use: str
    package: ResolvedPackage
    file: File


def resolve_python(
    python: Python,
    asked: dict[str, list[str]],
    recipes: dict[str, WheelRecipe],
    previous: list[Entry],
    update: set[str],
    cache: Path,
) -> list[Entry]:
    """Pin every Python file of a stack; raise ColdforgeError.

    `asked` holds, layer by layer, requirements and the sdist pins of the layer's own wheels:
    one environment. Each recipe's build requirements are an environment of their own.
    """
    pip = read_pip()
    wanted = [] if pip.no_index else list(dict.fromkeys([*pip.indexes, *python.indexes]))
    resolver = Resolver(python, pip, answering(wanted, pip), cache)
    requirements = [item for items in asked.values() for item in items]
    requirements += [item for recipe in recipes.values() for item in recipe.requires]
    _check(requirements)
    update = {name if name == ALL else canonicalize_name(name) for name in update}
    silent = [index for index in wanted if index not in resolver.indexes]
    with _blaming(silent), step("Resolving Python packages") as current:
        choices = [
            *_image(resolver, asked, recipes, previous, update),
            *_builds(resolver, recipes, previous, update),
        ]
        current.result = f"{len(choices)} files"
    return _pinned(choices, previous, update, pip)


@contextmanager
def _blaming(silent: list[str]) -> Iterator[None]:
    """Add to an error that the indexes left out may hold what was not found."""
    try:
        yield
    except ColdforgeError as error:
        if not silent:
            raise
        named = " and ".join(redact(index) for index in silent)
        hint = f"{named} did not answer: reach it, or put its wheels in a find-links folder of pip"
        raise ColdforgeError(error.message, hint) from error


def _check(requirements: list[str]) -> None:
    for text in requirements:
        try:
            Requirement(text)
        except InvalidRequirement as error:
            said = str(error).splitlines()[0]
            raise ColdforgeError(f"'{text}' is not a requirement: {said}", "see PEP 508") from error


def _image(
    resolver: Resolver,
    asked: dict[str, list[str]],
    recipes: dict[str, WheelRecipe],
    previous: list[Entry],
    update: set[str],
) -> list[Choice]:
    """Resolve what all layers ask for as one environment, then deal it out to the layers."""
    asked = {use: items for use, items in asked.items() if items}
    if not asked:
        return []
    own: dict[str, str] = {
        canonicalize_name(Requirement(item.sdist).name): name
        for name, item in recipes.items()
        if item.sdist
    }
    pins = {entry.name: entry.version for entry in previous if _of_image(entry)}
    everything = [item for items in asked.values() for item in items]
    packages = resolver.resolve(everything, pins, update, set(own))
    uses = _deal(resolver, asked, packages, set(own))
    applying = _applying(packages, resolver.python)
    tags = supported(resolver.python)
    return [
        Choice(f"{WHEEL}{own[package.name]}", package, _sdist(package))
        if package.name in own
        else Choice(uses[package.name], package, _wheel(package, best_wheel(_names(package), tags)))
        for package in applying
    ]


def _of_image(entry: Entry) -> bool:
    """Tell the image's own packages, wheels and sdists, from what recipes are built with."""
    return not (entry.use.startswith(WHEEL) and entry.path.endswith(".whl"))


def _deal(
    resolver: Resolver,
    asked: dict[str, list[str]],
    packages: list[ResolvedPackage],
    sdists: set[str],
) -> dict[str, str]:
    """Give each package to the first layer that needs it."""
    *earlier, last = asked
    pins = {package.name: package.version for package in packages}
    uses: dict[str, str] = {}
    for count, use in enumerate(earlier, 1):
        so_far = [item for other in list(asked)[:count] for item in asked[other]]
        for package in resolver.resolve(so_far, {}, set(), sdists, pins):
            uses.setdefault(package.name, use)
    return {name: uses.get(name, last) for name in pins}


def _builds(
    resolver: Resolver, recipes: dict[str, WheelRecipe], previous: list[Entry], update: set[str]
) -> list[Choice]:
    """Resolve what each recipe needs to be built with, to wheels alone."""

    def one(name: str) -> list[Choice]:
        use = f"{WHEEL}{name}"
        pins = {
            entry.name: entry.version
            for entry in previous
            if entry.use == use and entry.path.endswith(".whl")
        }
        packages = resolver.resolve(recipes[name].requires, pins, update)
        return [
            Choice(use, package, _wheel(package, best_wheel(_names(package), tags)))
            for package in _applying(packages, resolver.python)
        ]

    tags = supported(resolver.python)
    with ThreadPoolExecutor(4) as pool:
        return [choice for choices in pool.map(one, sorted(recipes)) for choice in choices]


def _pinned(
    choices: list[Choice], previous: list[Entry], update: set[str], pip: PipConfig
) -> list[Entry]:
    """Keep the earlier entry of an unmoved version; else learn the file's size and digest."""
    held = {(entry.use, entry.name, entry.version): entry for entry in previous}

    def kept(choice: Choice) -> Entry | None:
        if update & {ALL, choice.package.name}:
            return None
        return held.get((choice.use, choice.package.name, choice.package.version))

    fresh = [choice.file for choice in choices if not _serves(kept(choice), choice)]
    measured = measure(fresh, pip)
    entries = []
    for choice in choices:
        entry = kept(choice)
        if entry is None or not _serves(entry, choice):
            entry = _entry(choice, measured[choice.file.url])
        entries.append(entry)
    return entries


def _serves(entry: Entry | None, choice: Choice) -> bool:
    """Tell whether an earlier file is still among those on offer for this choice."""
    return entry is not None and any(file.name == entry.path for file in choice.package.files)


def _entry(choice: Choice, file: File) -> Entry:
    return Entry(
        use=choice.use,
        origin="python",
        name=choice.package.name,
        version=choice.package.version,
        path=file.name,
        size=file.size,
        sha256=file.sha256,
    )


def _applying(packages: list[ResolvedPackage], python: Python) -> list[ResolvedPackage]:
    environment = markers(python)
    return [
        package
        for package in packages
        if not package.marker or Marker(package.marker).evaluate(dict(environment))
    ]


def _names(package: ResolvedPackage) -> list[str]:
    return [file.name for file in package.files]


def _wheel(package: ResolvedPackage, name: str | None) -> File:
    for file in package.files:
        if file.name == name:
            return file
    message = f"'{package.name}' {package.version} has no wheel that suits the image"
    hint = f"add wheels/{package.name}/ and name it in a layer's `wheels`"
    raise ColdforgeError(message, hint)


def _sdist(package: ResolvedPackage) -> File:
    for file in package.files:
        if not file.name.endswith(".whl"):
            return file
    message = f"'{package.name}' {package.version} has no sdist to build from"
    raise ColdforgeError(message, f"remove wheels/{package.name}/ and ask for the wheel instead")
