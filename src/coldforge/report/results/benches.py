"""The benches of a folder; those of one engine each are joined if they were measured alike."""

from collections import Counter

import msgspec

from coldforge.files.digest import sha256_json
from coldforge.report.results.engine import Bench
from coldforge.report.results.gather import Found, Runs


def benches_of(runs: Runs) -> list[Bench]:
    """List the benches that measured anything."""
    alike: dict[str, list[Found[Bench]]] = {}
    for item in runs.of(Bench):
        if any(engine.cells for engine in item.result.engines):
            single = len(item.result.engines) == 1
            alike.setdefault(_conditions(item.result) if single else item.path, []).append(item)
    return [_join(items) for items in alike.values()]


def _conditions(bench: Bench) -> str:
    """Identify how and on which device a bench measured."""
    return sha256_json(msgspec.to_builtins([bench.protocol, bench.device]))


def _join(items: list[Found[Bench]]) -> Bench:
    """Join several benches; engines of the same name are named by their files."""
    if len(items) == 1:
        return items[0].result
    count = Counter(item.result.engines[0].name for item in items)
    engines = []
    for item in items:
        (engine,) = item.result.engines
        name = engine.name if count[engine.name] == 1 else item.name.removesuffix("-bench")
        engines.append(msgspec.structs.replace(engine, name=name))
    return msgspec.structs.replace(items[0].result, engines=engines, apart=True)
