"""An archive that its publisher names: one folder inside, called like the file."""

import re

from coldforge.mirror.carried.contents import Contents
from coldforge.mirror.carried.kind import (
    Found,
    Look,
    Want,
    fitting,
    pattern,
    product,
    refusal,
    renamed,
)

ENDING = re.compile(r"\.(tar\.[a-z0-9]+|tar|tgz|txz)$", re.IGNORECASE)


def claims(look: Look, want: Want) -> bool:
    """Tell whether a file is of the wanted product, by its folder or by its name."""
    wanted = product(want.about.file)
    tops = look.facts.tops if isinstance(look.facts, Contents) else []
    return wanted in {product(name) for name in [*tops, look.name]}


def judge(look: Look, want: Want) -> Found:
    """Tell which version of the wanted archive a file is; raise ColdforgeError if it is not."""
    if not isinstance(look.facts, Contents):
        raise refusal(look.name, "is no tar", want)
    wanted = pattern(ENDING.sub("", want.about.file))
    _check_machine(look, look.facts, want)
    tops = look.facts.tops
    top = wanted.fullmatch(tops[0]) if len(tops) == 1 else None
    if top is None:
        some = ", ".join(tops[:3]) or "nothing"
        raise refusal(look.name, f"is another archive: at its top is {some}", want)
    said = wanted.fullmatch(ENDING.sub("", look.name))
    if said and said["version"] != top["version"]:
        raise refusal(look.name, f"was renamed: inside is {tops[0]}", want)
    file = fitting(look.name, top["version"], want, want.name)
    return Found(want.name, top["version"], file, renamed(look.name, file))


def _check_machine(look: Look, facts: Contents, want: Want) -> None:
    machines = facts.of(facts.kept)
    if machines and want.machine not in machines:
        found = " and ".join(sorted(machines))
        raise refusal(look.name, f"is for {found}; stack {want.stack} is {want.machine}", want)
