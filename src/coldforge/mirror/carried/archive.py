"""An archive that its publisher names: one folder inside, called like the file."""

import re

from coldforge.mirror.carried.contents import TAR, Contents
from coldforge.mirror.carried.kind import (
    CarriedFile,
    CarriedKind,
    Recognised,
    WantedFile,
    fitting,
    pattern,
    product,
    refusal,
    renamed,
)

ENDING = re.compile(r"\.(tar\.[a-z0-9]+|tar|tgz|txz)$", re.IGNORECASE)


def _check_machine(carried: CarriedFile, facts: Contents, want: WantedFile) -> None:
    machines = facts.of(facts.kept)
    if machines and want.machine not in machines:
        found = " and ".join(sorted(machines))
        raise refusal(carried.name, f"is for {found}; stack {want.stack} is {want.machine}", want)


class ArchiveKind(CarriedKind):
    """Archives that have one folder inside, called like the file."""

    format = TAR

    def claims(self, carried: CarriedFile, want: WantedFile) -> bool:
        """Tell whether a file is of the wanted product, by its folder or by its name."""
        wanted = product(want.about.file)
        tops = carried.facts.tops if isinstance(carried.facts, Contents) else []
        return wanted in {product(name) for name in [*tops, carried.name]}

    def identify(self, carried: CarriedFile, want: WantedFile) -> Recognised:
        """Tell which version of the wanted archive a file is; raise ColdforgeError if it is not."""
        if not isinstance(carried.facts, Contents):
            raise refusal(carried.name, "is not a tar", want)
        wanted = pattern(ENDING.sub("", want.about.file))
        _check_machine(carried, carried.facts, want)
        tops = carried.facts.tops
        top = wanted.fullmatch(tops[0]) if len(tops) == 1 else None
        if top is None:
            some = ", ".join(tops[:3]) or "nothing"
            raise refusal(carried.name, f"is another archive: at its top is {some}", want)
        named = wanted.fullmatch(ENDING.sub("", carried.name))
        if named and named["version"] != top["version"]:
            raise refusal(carried.name, f"was renamed: inside is {tops[0]}", want)
        file = fitting(carried.name, top["version"], want, want.name)
        return Recognised(want.name, top["version"], file, renamed(carried.name, file))


KIND = ArchiveKind()
