"""The folders of a checkout."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from coldforge.errors import ColdforgeError


@dataclass(frozen=True)
class Workspace:
    """A checkout: recipes and locks in git, blobs and build results beside them."""

    root: Path

    @classmethod
    def find(cls) -> "Workspace":
        """Use COLDFORGE_ROOT, else the nearest parent folder that contains docker/stacks."""
        if configured := os.environ.get("COLDFORGE_ROOT"):
            return cls(Path(configured).resolve())
        here = Path.cwd().resolve()
        for folder in (here, *here.parents):
            if (folder / "docker" / "stacks").is_dir():
                return cls(folder)
        raise ColdforgeError(
            "this is not a checkout: docker/stacks not found", "run from the checkout"
        )

    @cached_property
    def stacks(self) -> Path:
        """Folder of stack files."""
        return self.root / "docker" / "stacks"

    @cached_property
    def layers(self) -> Path:
        """Folder of layer recipes."""
        return self.root / "docker" / "layers"

    @cached_property
    def releases(self) -> Path:
        """Folder of release profiles."""
        return self.root / "docker" / "releases"

    @cached_property
    def wheels(self) -> Path:
        """Folder of recipes for wheels built from source."""
        return self.root / "wheels"

    @cached_property
    def mirror(self) -> Path:
        """Folder of locks and, ignored by git, blobs."""
        return self.root / "offline-mirror"

    @cached_property
    def build(self) -> Path:
        """Folder of everything that can be built again."""
        return self.root / "build"

    @cached_property
    def site(self) -> Path:
        """Folder, ignored by git, of what this site trusts and has received."""
        return self.mirror / "site"

    @cached_property
    def trust(self) -> Path:
        """File of the keys trusted here."""
        return self.site / "trust.json"

    def lock(self, stack: str) -> Path:
        """Path of a stack's lock."""
        return self.mirror / f"{stack}.lock"
