"""Lay archives out into a layer by a recipe's rules: part of a wheel or tarball -> a folder."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from coldforge.image.tar import LayerWriter
from coldforge.stack.recipe import LayerRecipe


def place_archives(
    recipe: LayerRecipe, archives: Iterable[tuple[str, str, Path]], writer: LayerWriter
) -> None:
    """Write what the recipe's `place` rules take from `archives` (name, file name, bytes).

    Then its links, texts and unversioned library links. Raise ColdforgeError on a rule that
    takes nothing or an archive that is damaged.
    """
    for name, _, _ in archives:
        raise NotImplementedError(name)


def takes(recipe: LayerRecipe, name: str) -> bool:
    """Tell whether a rule of the recipe takes the archive of this name."""
    return any(fnmatchcase(name, rule.input) for rule in recipe.place)
