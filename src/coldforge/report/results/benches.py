"""The benches of a folder; those that measured one engine each, but alike, stand together."""

from collections import Counter

import msgspec

from coldforge.files.digest import sha256_json
from coldforge.report.results.engine import Bench
from coldforge.report.results.gather import Found, Runs


def benches_of(runs: Runs) -> list[Bench]:
    """List the benches that measured anything."""
    alike: dict[str, list[Found[Bench]]] = {}
    for item in runs.of(Bench):
        if any(engine.cells for engine in item.said.engines):
            alone = len(item.said.engines) == 1
            alike.setdefault(_conditions(item.said) if alone else item.path, []).append(item)
    return [_together(items) for items in alike.values()]


def _conditions(bench: Bench) -> str:
    """Identify how and on what a bench measured."""
    return sha256_json(msgspec.to_builtins([bench.protocol, bench.device]))


def _together(items: list[Found[Bench]]) -> Bench:
    """Make one bench of several; engines of one name are called by their files."""
    if len(items) == 1:
        return items[0].said
    count = Counter(item.said.engines[0].name for item in items)
    engines = []
    for item in items:
        (engine,) = item.said.engines
        name = engine.name if count[engine.name] == 1 else item.name.removesuffix("-bench")
        engines.append(msgspec.structs.replace(engine, name=name))
    return msgspec.structs.replace(items[0].said, engines=engines, apart=True)
