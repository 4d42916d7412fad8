"""Build everything twice from the mirror, the second time beside the first, and compare."""

import shutil
from dataclasses import dataclass, field

from coldforge.image.build.build import build, build_context, tidy
from coldforge.image.build.builder import Built, Connect
from coldforge.image.build.compare import compare
from coldforge.image.layers.release_build import Effort
from coldforge.image.oci.layout import Layout
from coldforge.paths import Workspace

SHOWN = 20  # differing paths named of one layer


@dataclass(frozen=True)
class Verdict:
    """One layer, or the image itself: both digests, and what differs."""

    name: str
    was: str
    rebuilt: str
    differs: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Tell whether the rebuild gave the same bytes."""
        return self.was == self.rebuilt


def verify(space: Workspace, name: str, connect: Connect) -> list[Verdict]:
    """Build stack `name`, build it again with an empty cache in build/verify, and compare.

    The second build is removed when all is equal, kept for a look when not.
    """
    first = build_context(space, name)
    reference = build(first, connect)
    scratch = space.build / "verify"
    shutil.rmtree(scratch, ignore_errors=True)
    again = build_context(space, name, scratch)
    rebuilt = build(again, connect, Effort(cache=""))  # compiled, not remembered
    verdicts = _verdicts(first.layout, reference, again.layout, rebuilt)
    tidy(first, connect)
    if all(verdict.same for verdict in verdicts):
        shutil.rmtree(scratch)
    return verdicts


def _verdicts(layout: Layout, first: Built, other: Layout, again: Built) -> list[Verdict]:
    verdicts = []
    for name, layer in again.layers.items():
        old = first.layers[name].digest
        differs = []
        if layer.digest != old:
            differs = compare(layout.blob(old), other.blob(layer.digest))[:SHOWN]
        verdicts.append(Verdict(name, old, layer.digest, differs))
    return [*verdicts, Verdict("image", first.manifest.digest, again.manifest.digest)]
