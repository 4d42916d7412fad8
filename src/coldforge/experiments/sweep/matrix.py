"""What a sweep is asked for: models, methods and backends, in a TOML file."""

from pathlib import Path
from typing import Annotated, Any

import msgspec

from coldforge.engine.backend import BuildsOnHost, backends, complete
from coldforge.engine.bench.grid import parse_grid
from coldforge.engine.bench.plan import Measuring
from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.evaluate.evaluate import LIMIT
from coldforge.experiments.survey.judging import Protocol
from coldforge.experiments.survey.survey import name_models
from coldforge.experiments.survey.variants import Way
from coldforge.model.card_facts import WINDOW
from coldforge.tomlfile import read_toml

Count = Annotated[int, msgspec.Meta(ge=1)]
FLOAT32 = "float32"


class _Method(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A method with its own flags, named as `quantize` names them."""

    method: str
    bits: int | None = None
    group_size: int | None = None
    sym: bool | None = None
    act_order: bool | None = None
    activations: str | None = None
    alpha: float | None = None
    budget: float | None = None
    max_kl: float | None = None
    steps: int | None = None
    prune: str = ""


class Backend(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What runs an engine, and in which arithmetic."""

    backend: str
    activations: str = FLOAT32

    @property
    def name(self) -> str:
        """Name it for people and folders."""
        plain = self.activations == FLOAT32
        return self.backend if plain else f"{self.backend}-{self.activations}"

    def options(self) -> dict[str, str]:
        """List what is asked of the backend besides its defaults."""
        return {} if self.activations == FLOAT32 else {"activations": self.activations}


class Calibrating(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What calibrates; a text or a frozen set, relative to the file."""

    text: str = ""
    samples: Count | None = None
    length: Count | None = None
    seed: int = 0


class _Evaluating(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str = ""
    window: Count = WINDOW
    limit: Count = LIMIT


class Benching(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How engines are measured: lengths in and out, "128,64;64,128", and how often."""

    grid: str = "128,128"
    batch_size: Count = Measuring.batch_size
    repeats: Count = Measuring.repeats
    warmup: Annotated[int, msgspec.Meta(ge=0)] = Measuring.warmup
    threads: Annotated[int, msgspec.Meta(ge=0)] = Measuring.threads

    def asked(self) -> Measuring:
        """Say it as `bench` takes it."""
        return Measuring(**msgspec.structs.asdict(self))


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    models: Annotated[list[str], msgspec.Meta(min_length=1)]
    methods: Annotated[list[str | _Method], msgspec.Meta(min_length=1)]
    backends: list[str | Backend] = []
    calibration: Calibrating = Calibrating()
    evaluate: _Evaluating = _Evaluating()
    bench: Benching = Benching()


class Matrix(msgspec.Struct, frozen=True):
    """A sweep's cells as its rows and columns; every path absolute."""

    models: dict[str, Path]
    ways: list[Way]
    backends: list[Backend]
    calibration: Calibrating
    judging: Protocol
    bench: Benching

    def reads(self) -> list[Path]:
        """List what a sweep reads besides the matrix itself."""
        texts = (self.calibration.text, self.judging.text)
        return [*self.models.values(), *(Path(text) for text in texts if text)]


def read_matrix(path: Path) -> Matrix:
    """Read a matrix; raise ColdforgeError or UnknownNameError naming what is wrong with it."""
    found = read_toml(path, _File)
    base = path.resolve().parent
    engines = [Backend(item) if isinstance(item, str) else item for item in found.backends]
    _check(engines)
    parse_grid(found.bench.grid)
    calibration = msgspec.structs.replace(
        found.calibration, text=_absolute(base, found.calibration.text)
    )
    judged = found.evaluate
    matrix = Matrix(
        name_models([str(base / model) for model in found.models], ()),
        [_way(item) for item in found.methods],
        engines,
        calibration,
        Protocol(_absolute(base, judged.text), judged.window, judged.limit),
        found.bench,
    )
    _refuse_twice([way.name for way in matrix.ways], "methods", path)
    _refuse_twice([engine.name for engine in engines], "backends", path)
    for place in matrix.reads():
        if not place.exists():
            raise ColdforgeError(f"{path.name} names {place}, which is not there", f"mend {path}")
    return matrix


def _way(item: str | _Method) -> Way:
    """Name a method by what was asked of it; raise for a flag that is not its own."""
    from coldforge.quantize.blockwise.prune import share
    from coldforge.quantize.registry import find_method

    asked: dict[str, Any] = {} if isinstance(item, str) else msgspec.to_builtins(item)
    method = item if isinstance(item, str) else asked.pop("method")
    prune = asked.pop("prune", "")
    find_method(method).settings(dict(asked))
    said = [_spell(name, value) for name, value in asked.items()]
    if prune:
        share(prune)
        said.append(f"pruned{prune.replace(':', 'of')}")
    return Way("-".join([method, *said]), method, asked, prune)


def _spell(flag: str, value: object) -> str:
    """Write a flag as a part of a name: bits8, act_order, not_sym, static."""
    if isinstance(value, bool):
        return flag if value else f"not_{flag}"
    return value if isinstance(value, str) else f"{flag}{value}"


def _check(asked: list[Backend]) -> None:
    known = {name: one for name, one in backends().items() if not isinstance(one, BuildsOnHost)}
    for item in asked:
        if item.backend not in known:
            raise UnknownNameError("backend of a sweep", item.backend, list(known))
        chosen = known[item.backend]
        chosen.check(complete(chosen, item.options()))


def _refuse_twice(names: list[str], what: str, path: Path) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ColdforgeError(f"{path.name}: two {what} are {name}", f"remove one from {path}")


def _absolute(base: Path, text: str) -> str:
    return str((base / text).resolve()) if text else ""
