"""Everything that a folder of results says about each checkpoint, joined by digests.

Benches of one engine each are joined if they were measured alike.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

import msgspec

from coldforge.files.digest import sha256_json
from coldforge.report.results.engine import Bench, BenchedEngine
from coldforge.report.results.gather import Found, Runs
from coldforge.report.results.model import Compared, Evaluated, HumanEval, Quantised, Side

SHORT = 8
"""Characters of a digest that distinguish two checkpoints of the same name."""


@dataclass
class Model:
    """One checkpoint, original or quantised."""

    digest: str
    name: str = ""
    original: str = ""
    """Digest of what it was quantised from; empty if not known."""
    quantised: Quantised | None = None
    evaluation: Evaluated | None = None
    humaneval: HumanEval | None = None
    compared: Compared | None = None
    """The comparison in which it is the quantised side."""
    side: Side | None = None
    engines: list[tuple[Bench, BenchedEngine]] = field(default_factory=list)

    @property
    def disk_bytes(self) -> int | None:
        """Bytes of its files, from any result that has them."""
        known = (self.quantised, self.evaluation, self.side)
        return next((item.disk_bytes for item in known if item and item.disk_bytes), None)

    @property
    def how(self) -> str:
        """Describe how it was quantised."""
        if not self.quantised:
            return ""
        given = self.quantised.parameters
        parts = [self.quantised.method]
        parts += [f"{given['bits']} bits"] if given.get("bits") else []
        size = given.get("group_size")
        parts += [f"groups of {size}"] if isinstance(size, int) and size > 0 else []
        return ", ".join(parts)


class Models(dict[str, Model]):
    """Checkpoints by their digests."""

    def at(self, digest: str) -> Model:
        """Return a checkpoint, new if it was not known."""
        return self.setdefault(digest, Model(digest))

    def name(self, digest: str | None) -> str:
        """Name a checkpoint, by the beginning of its digest if it has no other name."""
        if not digest:
            return ""
        return self[digest].name if digest in self else digest[:SHORT]

    def pairs(self) -> Iterator[tuple[Model, Model | None]]:
        """List quantised checkpoints, each with its original if the results mention that."""
        for model in self.values():
            if model.original or model.quantised:
                yield model, self.get(model.original)


def models_of(runs: Runs) -> Models:
    """Join what the results say about each checkpoint."""
    found = Models()
    for made in runs.of(Quantised):
        model = found.at(made.result.digest)
        model.quantised, model.original = made.result, made.result.model_digest
        model.name = model.name or made.name.removeprefix("quantize-")
    _compared(found, runs)
    _evaluated(found, runs)
    for bench in benches_of(runs):
        for engine in bench.engines:
            if engine.checkpoint:
                found.at(engine.checkpoint).engines.append((bench, engine))
    _name(found)
    return found


def _compared(found: Models, runs: Runs) -> None:
    for item in runs.of(Compared):
        before, after = item.result.original, item.result.quantised
        for side in (before, after):
            model = found.at(side.digest)
            model.side, model.name = side, _base(side.model) or model.name
        found[after.digest].compared = item.result
        found[after.digest].original = before.digest


def _evaluated(found: Models, runs: Runs) -> None:
    """Add evaluations; of several, the last one with an original counts."""
    results = [item.result for item in runs.of(Evaluated)]
    by_path = {result.model: result.digest for result in results if result.model}
    for result in results:
        model = found.at(result.digest)
        model.name = _base(result.model) or model.name
        if result.reference or not model.evaluation:
            model.evaluation = result
        if result.reference and not model.original:
            model.original = by_path.get(result.reference.model, "")
    for run in runs.of(HumanEval):
        if run.result.digest:
            model = found.at(run.result.digest)
            model.humaneval = run.result
            model.name = model.name or _base(run.result.model)


def _name(found: Models) -> None:
    """Give every checkpoint a name of its own."""
    for model in found.values():
        engines = [engine.name for _, engine in model.engines]
        model.name = model.name or next(iter(engines), "") or model.digest[:SHORT]
    count = Counter(model.name for model in found.values())
    for model in found.values():
        if count[model.name] > 1:
            model.name = f"{model.name} {model.digest[:SHORT]}"


def _base(path: str) -> str:
    return PurePath(path).name


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
