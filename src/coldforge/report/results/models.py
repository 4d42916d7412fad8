"""What a folder of results knows of each checkpoint, put together by digests."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from coldforge.report.results.benches import benches_of
from coldforge.report.results.engine import Bench, Measured
from coldforge.report.results.gather import Runs
from coldforge.report.results.model import Compared, Evaluated, Programs, Quantised, Side

SHORT = 8
"""Characters of a digest that tell two things of one name apart."""


@dataclass
class Model:
    """One checkpoint, original or quantised."""

    digest: str
    name: str = ""
    original: str = ""
    """Digest of what it was quantised from; nothing where that is not known."""
    quantised: Quantised | None = None
    judged: Evaluated | None = None
    programs: Programs | None = None
    compared: Compared | None = None
    """Where it is the quantised side."""
    side: Side | None = None
    engines: list[tuple[Bench, Measured]] = field(default_factory=list)

    @property
    def disk_bytes(self) -> int | None:
        """Bytes of its files, as any result says."""
        known = (self.quantised, self.judged, self.side)
        return next((item.disk_bytes for item in known if item and item.disk_bytes), None)

    @property
    def how(self) -> str:
        """Say how it was quantised."""
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
        """Name a checkpoint, by the beginning of its digest if need be."""
        if not digest:
            return ""
        return self[digest].name if digest in self else digest[:SHORT]

    def pairs(self) -> Iterator[tuple[Model, Model | None]]:
        """List quantised checkpoints, each with its original if something is known of that."""
        for model in self.values():
            if model.original or model.quantised:
                yield model, self.get(model.original)


def models_of(runs: Runs) -> Models:
    """Put together what the results say of each checkpoint."""
    found = Models()
    for made in runs.of(Quantised):
        model = found.at(made.said.digest)
        model.quantised, model.original = made.said, made.said.model_digest
        model.name = model.name or made.name.removeprefix("quantize-")
    _compared(found, runs)
    _judged(found, runs)
    for bench in benches_of(runs):
        for engine in bench.engines:
            if engine.checkpoint:
                found.at(engine.checkpoint).engines.append((bench, engine))
    _name(found)
    return found


def _compared(found: Models, runs: Runs) -> None:
    for item in runs.of(Compared):
        before, after = item.said.original, item.said.quantised
        for side in (before, after):
            model = found.at(side.digest)
            model.side, model.name = side, _base(side.model) or model.name
        found[after.digest].compared = item.said
        found[after.digest].original = before.digest


def _judged(found: Models, runs: Runs) -> None:
    """Add what judging said; of several, the last one beside an original counts."""
    by_path = {item.said.model: item.said.digest for item in runs.of(Evaluated) if item.said.model}
    for item in runs.of(Evaluated):
        model = found.at(item.said.digest)
        model.name = _base(item.said.model) or model.name
        if item.said.reference or not model.judged:
            model.judged = item.said
        if item.said.reference and not model.original:
            model.original = by_path.get(item.said.reference.model, "")
    for programs in runs.of(Programs):
        if programs.said.digest:
            model = found.at(programs.said.digest)
            model.programs = programs.said
            model.name = model.name or _base(programs.said.model)


def _name(found: Models) -> None:
    """Name the nameless, and tell apart what has one name."""
    for model in found.values():
        engines = [engine.name for _, engine in model.engines]
        model.name = model.name or next(iter(engines), "") or model.digest[:SHORT]
    count = Counter(model.name for model in found.values())
    for model in found.values():
        if count[model.name] > 1:
            model.name = f"{model.name} {model.digest[:SHORT]}"


def _base(path: str) -> str:
    return PurePath(path).name
